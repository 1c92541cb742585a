import { type Members, nested, optional, TIMER_MS_MAX, wholeNumber } from '../domain/input/arguments.js';

/** The bounds of the engine: the work that it accepts at once, and the time that it waits. */
export interface EngineCapacity {
  /** Requests in one database transaction. */
  readonly batchSizeMax: number;
  /** Concurrent database transactions, over all ledgers. */
  readonly lanes: number;
  /** Requests that may wait in this process; more are refused with `overloaded`. */
  readonly queueMax: number;
  /** The longest wait of a lane for a row lock; then the batch continues without that account. */
  readonly lockTimeoutMs: number;
  /** The longest wait of a request for an account that another transaction keeps locked; after that `account_busy`. */
  readonly accountBusyTimeoutMs: number;
  /** Attempts at one batch, counting retries after deadlocks, key races and lost connections. */
  readonly attemptsMax: number;
  /** The longest wait for a statement's response; after that the connection counts as lost. */
  readonly answerTimeoutMs: number;
  /** Connections for reads. */
  readonly readConnectionsMax: number;
  /** Immutable account identities kept in memory. */
  readonly identitiesMax: number;
}

export const DEFAULT_CAPACITY: EngineCapacity = {
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

const bound = optional(wholeNumber(1, TIMER_MS_MAX));
const MEMBERS = Object.fromEntries(Object.keys(DEFAULT_CAPACITY).map((name) => [name, bound]));

export const engineCapacity = nested<Partial<EngineCapacity>>(MEMBERS as Members<EngineCapacity>);

/**
 * Completes a capacity with the defaults.
 *
 * @throws {LedgerError} `invalid_request` for an unknown member, or a value that is not a whole number from 1 to 2³¹ − 1
 */
export function toCapacity(given: Partial<EngineCapacity>): EngineCapacity {
  return { ...DEFAULT_CAPACITY, ...engineCapacity(given, 'capacity') };
}
