import { setTimeout as wait } from 'node:timers/promises';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import type { VerifyProblem } from './report.js';

export interface VerifyProgress {
  readonly accountsChecked: number;
  readonly entriesChecked: number;
  readonly transfersChecked: number;
  readonly problemsFound: number;
}

/** Runs work in a snapshot of its own. */
export type InSnapshot = <Result>(work: (store: LedgerStore<Transaction>) => Promise<Result>) => Promise<Result>;

/** One run of verify: what it has found so far, and how it takes its snapshots. */
export interface VerifyRun {
  /** Runs one piece of work, then rests as the pace says. */
  readonly inSnapshot: InSnapshot;
  add(found: readonly VerifyProblem[], checked: Partial<Counts>): void;
  readonly counts: Readonly<Counts>;
  readonly problems: readonly VerifyProblem[];
}

interface Counts {
  accountsChecked: number;
  entriesChecked: number;
  transfersChecked: number;
  problemsFound: number;
}

const PROBLEMS_MAX = 1_000;
/** A rest is as long as the work before it, and no longer than this. */
const REST_MS_MAX = 1_000;

export function startRun(
  inSnapshot: InSnapshot,
  {
    pace,
    signal,
    onProgress,
  }: {
    readonly pace: 'gentle' | 'full';
    readonly signal: AbortSignal | undefined;
    readonly onProgress: ((progress: VerifyProgress) => void) | undefined;
  },
): VerifyRun {
  const counts: Counts = { accountsChecked: 0, entriesChecked: 0, transfersChecked: 0, problemsFound: 0 };
  const problems: VerifyProblem[] = [];
  return {
    counts,
    problems,
    async inSnapshot(work) {
      signal?.throwIfAborted();
      const startedAt = performance.now();
      const result = await inSnapshot(work);
      if (pace === 'gentle') {
        await wait(Math.min(performance.now() - startedAt, REST_MS_MAX), undefined, signal && { signal }).catch(() =>
          signal?.throwIfAborted(),
        );
      }
      return result;
    },
    add(found, { accountsChecked = 0, entriesChecked = 0, transfersChecked = 0 }) {
      counts.accountsChecked += accountsChecked;
      counts.entriesChecked += entriesChecked;
      counts.transfersChecked += transfersChecked;
      counts.problemsFound += found.length;
      problems.push(...found.slice(0, PROBLEMS_MAX - problems.length));
      onProgress?.({ ...counts });
    },
  };
}
