import { setTimeout as delay } from 'node:timers/promises';
import { lastPosition, nextTransactionId } from '../postgres/event-log.js';
import { oldestDrawer } from '../postgres/position-drawers.js';
import type { Store } from '../postgres/store.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { advanceCheckpoint, CHECKPOINT_SIZES, type CheckpointSizes, forgetCheckpoints } from './advance-checkpoint.js';
import { readCheckpoint } from './balance-at.js';

/** The progress of the checkpoints after a run. */
export interface CheckpointProgress {
  /** The position up to which the checkpoints cover the journal. */
  readonly position: bigint;
  /** The last position of the journal when the run began. */
  readonly lastPosition: bigint;
  /** True if the run stopped early, because an open transaction or another run is in its way. */
  readonly interrupted: boolean;
}

export interface CheckpointConnection {
  /** Statements, each in a transaction of its own. */
  readonly statements: TransactionAdapter;
  /** Runs work in a READ COMMITTED transaction. */
  change<Result>(work: (transaction: TransactionAdapter) => Promise<Result>): Promise<Result>;
}

const SETTLE_POLL_MS = 20;
const SETTLE_POLLS_MAX = 50;

/**
 * Brings the checkpoints up to the journal. Any process may call it at any time: one does the work, and the others return.
 * If it is killed, every step is either complete or undone.
 */
export async function advanceCheckpoints(
  { statements, change }: CheckpointConnection,
  store: Store,
  sizes: CheckpointSizes = CHECKPOINT_SIZES,
): Promise<CheckpointProgress> {
  const last = await lastPosition(statements, store);
  if (!(await isSettled(statements, store))) {
    return { position: await readCheckpoint(statements, store), lastPosition: last, interrupted: true };
  }
  for (;;) {
    const step = await change((transaction) => advanceCheckpoint(transaction, store, { settled: last, sizes }));
    if (step === undefined) {
      return { position: await readCheckpoint(statements, store), lastPosition: last, interrupted: true };
    }
    if (!step.moved) return { position: step.position, lastPosition: last, interrupted: false };
  }
}

/**
 * Positions are drawn before commit. Those that are seen now, and all below them, were drawn by transactions older
 * than an id that is handed out now; once all of these have ended, none can appear any more.
 */
async function isSettled(statements: TransactionAdapter, store: Store): Promise<boolean> {
  const bound = await nextTransactionId(statements);
  for (let poll = 1; poll <= SETTLE_POLLS_MAX; poll += 1) {
    if ((await oldestDrawer(statements, store)) >= bound) return true;
    await delay(SETTLE_POLL_MS);
  }
  return false;
}

/** Makes all checkpoints anew, should they ever be in doubt. Answers are right meanwhile, and slower. */
export async function rebuildCheckpoints(
  connection: CheckpointConnection,
  store: Store,
  sizes: CheckpointSizes = CHECKPOINT_SIZES,
): Promise<CheckpointProgress> {
  await connection.change((transaction) => forgetCheckpoints(transaction, store));
  return advanceCheckpoints(connection, store, sizes);
}
