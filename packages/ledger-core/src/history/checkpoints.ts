import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { fromPool, inTransaction } from '../postgres/connect.js';
import { lastPosition, nextTransactionId } from '../postgres/event-log.js';
import { untilDrawersEnd } from '../postgres/position-drawers.js';
import type { LedgerStore, Store } from '../postgres/store.js';
import {
  advanceCheckpoint,
  beginCheckpoints,
  CHECKPOINT_SIZES,
  type CheckpointSizes,
  forgetCheckpoints,
} from './advance-checkpoint.js';
import { readCheckpoint } from './balance-at.js';

/** The progress of the checkpoints after a run. */
export interface CheckpointProgress {
  /** The position up to which the checkpoints cover the ledger's journal. */
  readonly position: bigint;
  /** The last position of the ledger when the run began. */
  readonly lastPosition: bigint;
  /** True if the run stopped early, because an open transaction or another run is in its way. */
  readonly interrupted: boolean;
}

const SETTLE_POLL_MS = 20;
const SETTLE_WAIT_MS = 1_000;

/** A ledger of a schema. */
export interface CheckpointedLedger extends Store {
  readonly ledger: number;
}

/**
 * Brings the checkpoints of a ledger up to its journal. Any process may call it at any time: one does the work, and the others return.
 * If it is killed, every step is either complete or undone.
 */
export async function advanceCheckpoints(
  pool: Pool,
  own: CheckpointedLedger,
  sizes: CheckpointSizes = CHECKPOINT_SIZES,
): Promise<CheckpointProgress> {
  const store = { ...own, sql: fromPool(pool) };
  await beginCheckpoints(store);
  const last = await lastPosition(store);
  if (!(await isSettled(store))) {
    return { position: await readCheckpoint(store), lastPosition: last, interrupted: true };
  }
  for (;;) {
    const step = await inTransaction(pool, (sql) => advanceCheckpoint({ ...own, sql }, { settled: last, sizes }));
    if (step === undefined) {
      return { position: await readCheckpoint(store), lastPosition: last, interrupted: true };
    }
    if (!step.moved) return { position: step.position, lastPosition: last, interrupted: false };
  }
}

/**
 * Positions are drawn before commit. Those that are seen now, and all below them, were drawn by transactions older
 * than an id that is handed out now; once all of these have ended, none can appear any more.
 */
async function isSettled(store: LedgerStore): Promise<boolean> {
  return untilDrawersEnd(store, await nextTransactionId(store), {
    waitMaxMs: SETTLE_WAIT_MS,
    pause: () => delay(SETTLE_POLL_MS),
  });
}

/** Makes all checkpoints of a ledger anew, should they ever be in doubt. Answers are right meanwhile, and slower. */
export async function rebuildCheckpoints(
  pool: Pool,
  own: CheckpointedLedger,
  sizes: CheckpointSizes = CHECKPOINT_SIZES,
): Promise<CheckpointProgress> {
  await inTransaction(pool, (sql) => forgetCheckpoints({ ...own, sql }));
  return advanceCheckpoints(pool, own, sizes);
}
