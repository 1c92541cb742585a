import type { RunTimes } from './post-batch.js';
import type { RetriedResult } from './retry.js';
import type { Waiting } from './waiting.js';

/** One batch of the engine, when its requests have their outcomes. Times are milliseconds, with fractions. */
export interface BatchReport {
  /** Those parked included. */
  readonly requests: number;
  /** Each leg of a linked group counts. */
  readonly transfers: number;
  /** How long the oldest request waited in the queue; null when the batch tries parked requests again. */
  readonly queuedMs: number | null;
  /** The time that the last run took to lock its balances, waits for other transactions included; null when it failed. */
  readonly lockMs: number | null;
  /** The time of the last run from the response to `begin` to that to `commit`; null when it failed. */
  readonly transactionMs: number | null;
  /**
   * The reason of each run that failed, in order, or why the accounts could not be looked up: a SQLSTATE, or a word.
   * `connection`: PostgreSQL could not be reached, or did not respond in time. `unconfirmed_commit`: the connection was lost
   * during `commit`. `key_contention`: another transaction was posting a key of the batch. `due_holds`: holds whose time was
   * over had to expire first. `fault`: anything else.
   */
  readonly failedRuns: readonly string[];
  /** Requests that were parked, because somebody else keeps an account locked. A trial of parked requests parks none. */
  readonly parked: number;
}

export type ReportBatch = (report: BatchReport) => void;

/** A call that never throws: what was committed is not to fail with an observer. A warning names the first failure. */
export function toReportBatch(onBatch: (report: BatchReport) => unknown): ReportBatch {
  let hasWarned = false;
  function warn(error: unknown): void {
    if (hasWarned) return;
    hasWarned = true;
    process.emitWarning(`onBatch failed: ${error}`, 'LedgerWarning');
  }
  return (report) => {
    try {
      const returned = onBatch(report);
      if (returned instanceof Promise) returned.catch(warn);
    } catch (error) {
      warn(error);
    }
  };
}

/** A batch and what became of it; no result when each of its requests was parked before a run. */
interface EndedBatch {
  readonly batch: readonly Waiting[];
  readonly queuedMs: number | null;
  readonly parked: number;
  readonly result: Pick<RetriedResult, 'failedRuns' | 'times'> | undefined;
}

const NO_RUN: { readonly failedRuns: readonly string[]; readonly times: RunTimes | null } = {
  failedRuns: [],
  times: null,
};

export function toBatchReport({ batch, queuedMs, parked, result = NO_RUN }: EndedBatch): BatchReport {
  return {
    requests: batch.length,
    transfers: batch.reduce((sum, { posting }) => sum + posting.legCount, 0),
    queuedMs,
    lockMs: result.times?.lockMs ?? null,
    transactionMs: result.times?.transactionMs ?? null,
    failedRuns: result.failedRuns,
    parked,
  };
}
