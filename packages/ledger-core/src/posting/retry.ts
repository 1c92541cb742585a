import { type Backoff, backOff } from '../backoff.js';
import type { Candidate, Outcome } from '../domain/decision/decide.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import { InvariantError, LedgerError } from '../errors.js';
import {
  fromSqlError,
  isConflict,
  isJournalFull,
  isKeyRace,
  isLockTimeout,
  isUnavailable,
  sqlState,
} from '../postgres/sql-errors.js';
import type { Lane } from './lane.js';
import {
  type BatchResult,
  BUSY,
  DueHolds,
  KeyContention,
  postBatch,
  type RunTimes,
  UnconfirmedCommit,
} from './post-batch.js';
import type { BatchInput, PreparedStatements } from './posting-pipeline.js';

export interface LaneSource {
  /** The lane of this run, for it alone; opened anew when the last one broke. */
  open(): Promise<Lane>;
  /** Called when the run has sent all that it had to send. */
  handOver(): void;
}

const BACKOFF: Backoff = { firstMs: 25, maxMs: 2_000 };
/** Attempts that never reached a commit are abandoned early: nothing is in doubt, and the caller can retry. */
const UNAVAILABLE_ATTEMPTS_MAX = 3;
/** Enough for a circle of waits to fall apart; who waits on waits for a caller's transaction. */
const KEY_ATTEMPTS_MAX = 3;

export interface RetriedResult extends Omit<BatchResult, 'times'> {
  /** Transfers that an unconfirmed commit may have written: the next run of the batch looks them up. */
  readonly unconfirmed: ReadonlySet<TransferId>;
  readonly failedRuns: readonly FailedRun[];
  /** Those of the last run; null if it failed. */
  readonly times: RunTimes | null;
}

/** Why a run failed: a SQLSTATE, or one of the words of `BatchReport`. */
export type FailedRun = string;

/** Runs a batch until every request of it has an outcome: a broken invariant is one too, and ends the batch. */
export async function postBatchWithRetries(
  lanes: LaneSource,
  statements: PreparedStatements,
  input: BatchInput,
  attemptsMax: number,
  keyAttemptsMax = KEY_ATTEMPTS_MAX,
): Promise<RetriedResult> {
  let { onlyFree, unconfirmed, expiries } = input;
  const failedRuns: FailedRun[] = [];
  for (let attempt = 1; ; attempt += 1) {
    let lane: Lane | undefined;
    try {
      lane = await lanes.open();
      const result = await postBatch(lane, statements, { ...input, onlyFree, unconfirmed, expiries }, lanes.handOver);
      return { ...result, unconfirmed, failedRuns };
    } catch (error) {
      failedRuns.push(reasonOf(error));
      if (error instanceof UnconfirmedCommit) unconfirmed = new Set([...unconfirmed, ...error.transferIds]);
      const isUncertain = unconfirmed.size > 0;
      const runs = error instanceof KeyContention ? keyAttemptsMax : runsWorth(error, isUncertain, attemptsMax);
      if (error instanceof InvariantError) return refuseAll(input, { unconfirmed, failedRuns }, error);
      if (error instanceof DueHolds) {
        // Ends: a run never meets those that it was given.
        expiries = [...expiries, ...error.expiries];
      } else if (isLockTimeout(error) && !onlyFree) {
        onlyFree = true;
      } else if (attempt < runs) {
        await backOff(BACKOFF, attempt);
      } else if (lane !== undefined && isOneRequestsFault(error) && input.candidates.length > 1) {
        const halves = await splitInTwo(lanes, statements, { ...input, onlyFree, unconfirmed, expiries }, attemptsMax);
        return { ...halves, failedRuns: [...failedRuns, ...halves.failedRuns] };
      } else {
        return refuseAll(input, { unconfirmed, failedRuns }, error);
      }
    }
  }
}

export function reasonOf(error: unknown): FailedRun {
  // Of a refusal that stands for an error of the database, the error is the reason.
  if (error instanceof LedgerError && error.cause !== undefined) return reasonOf(error.cause);
  if (error instanceof DueHolds) return 'due_holds';
  if (error instanceof KeyContention) return 'key_contention';
  if (error instanceof UnconfirmedCommit) return 'unconfirmed_commit';
  return sqlState(error) ?? (isUnavailable(error) ? 'connection' : 'fault');
}

/** The number of attempts for an error; 1 for errors that would occur again. */
function runsWorth(error: unknown, isUncertain: boolean, attemptsMax: number): number {
  if (isConflict(error) || isKeyRace(error)) return attemptsMax;
  if (error instanceof UnconfirmedCommit || isUnavailable(error)) {
    return isUncertain ? attemptsMax : UNAVAILABLE_ATTEMPTS_MAX;
  }
  return 1;
}

/** A single request of the batch, its key or its content: the others would post. */
function isOneRequestsFault(error: unknown): boolean {
  if (isJournalFull(error)) return false;
  return error instanceof KeyContention || runsWorth(error, false, 2) === 1;
}

/**
 * A request that the database refuses for a reason of its own is found by halves; the others post. So is one
 * whose key another transaction holds, with one wait for it in each half, as every wait stops the lane.
 */
async function splitInTwo(
  lanes: LaneSource,
  statements: PreparedStatements,
  input: BatchInput,
  attemptsMax: number,
): Promise<RetriedResult> {
  const middle = Math.ceil(input.candidates.length / 2);
  const front = input.candidates.slice(0, middle);
  const first = await postBatchWithRetries(lanes, statements, { ...input, candidates: front }, attemptsMax, 1);
  // Behind a request that waits for its account, the rest of its ordered call waits too.
  const waiting = front.filter((_, index) => first.outcomes[index] === BUSY).map(({ sequence }) => sequence);
  const isHeld = ({ sequence }: Candidate) => sequence !== null && waiting.includes(sequence);
  const back = input.candidates.slice(middle);
  const candidates = back.filter((candidate) => !isHeld(candidate));
  const second = await postBatchWithRetries(lanes, statements, { ...input, candidates }, attemptsMax, 1);
  const outcomes = second.outcomes[Symbol.iterator]();
  return {
    outcomes: [...first.outcomes, ...back.map((one) => (isHeld(one) ? BUSY : (outcomes.next().value as Outcome)))],
    busyAccounts: [...first.busyAccounts, ...second.busyAccounts],
    unconfirmed: new Set([...first.unconfirmed, ...second.unconfirmed]),
    failedRuns: [...first.failedRuns, ...second.failedRuns],
    times: second.times,
  };
}

function refuseAll(
  { candidates }: BatchInput,
  { unconfirmed, failedRuns }: Pick<RetriedResult, 'unconfirmed' | 'failedRuns'>,
  error: unknown,
): RetriedResult {
  return {
    outcomes: candidates.map((candidate) =>
      isUnconfirmed(candidate, unconfirmed) ? outcomeUnknown(candidate, error) : toRefusal(error),
    ),
    busyAccounts: [],
    unconfirmed,
    failedRuns,
    times: null,
  };
}

export function isUnconfirmed({ legs }: Candidate, unconfirmed: ReadonlySet<TransferId>): boolean {
  return legs.some(({ id }) => unconfirmed.has(id));
}

/** An unexpected error is thrown to the caller unchanged: it is a fault, not a refusal. */
function toRefusal(error: unknown): Error {
  const refusal = fromSqlError(error instanceof KeyContention ? error.cause : error);
  return refusal instanceof Error ? refusal : new Error('the database failed', { cause: error });
}

export function outcomeUnknown({ legs }: Candidate, cause?: unknown): LedgerError {
  return new LedgerError(
    'outcome_unknown',
    'the connection was lost during commit: look the transfer up by its id, or send the same request with the same key again',
    { transferId: legs[0]?.id ?? null },
    { cause },
  );
}
