import { LedgerError } from '../errors.js';

/** Every bound of the engine, by name. */
export interface EngineLimits {
  /** Requests in one database transaction. */
  readonly batchSizeMax: number;
  /** Database transactions under way at once, over all ledgers. */
  readonly lanes: number;
  /** Requests waiting in this process; past it `overloaded`. */
  readonly queueMax: number;
  /** How long a lane waits for a row lock before it goes on without that account. */
  readonly lockTimeoutMs: number;
  /** How long a request waits for an account that somebody else keeps locked; past it `account_busy`. */
  readonly accountBusyTimeoutMs: number;
  /** Runs of one batch that deadlocks, key races and lost connections may cost. */
  readonly attemptsMax: number;
  /** How long a statement may go without an answer; past it the connection counts as lost. */
  readonly answerTimeoutMs: number;
  /** Connections for reads. */
  readonly readConnectionsMax: number;
  /** Immutable account identities kept in memory. */
  readonly identitiesMax: number;
}

export const DEFAULT_LIMITS: EngineLimits = {
  batchSizeMax: 1_000,
  lanes: 1,
  queueMax: 20_000,
  lockTimeoutMs: 100,
  accountBusyTimeoutMs: 5_000,
  attemptsMax: 8,
  answerTimeoutMs: 15_000,
  readConnectionsMax: 4,
  identitiesMax: 100_000,
};

/** The longest time that a timer takes. */
const LIMIT_MAX = 2 ** 31 - 1;

/**
 * Completes limits with the defaults.
 *
 * @throws {LedgerError} `invalid_request` for an unknown limit, or one that is no whole number from 1 to 2³¹ − 1
 */
export function toLimits(given: Partial<EngineLimits>): EngineLimits {
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name, value] of set) {
    if (!(name in DEFAULT_LIMITS) || !Number.isInteger(value) || value < 1 || value > LIMIT_MAX) {
      throw new LedgerError('invalid_request', `limits.${name} must be one of the engine's limits, at least 1`);
    }
  }
  return { ...DEFAULT_LIMITS, ...Object.fromEntries(set) };
}
