import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { fromPool, inTransaction } from '../postgres/connect.js';
import { lastPosition, nextTransactionId } from '../postgres/event-log.js';
import { oldestDrawer } from '../postgres/position-drawers.js';
import type { ConnectedStore, Store } from '../postgres/store.js';
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

const SETTLE_POLL_MS = 20;
const SETTLE_POLLS_MAX = 50;

/**
 * Brings the checkpoints up to the journal. Any process may call it at any time: one does the work, and the others return.
 * If it is killed, every step is either complete or undone.
 */
export async function advanceCheckpoints(
  pool: Pool,
  schema: Store,
  sizes: CheckpointSizes = CHECKPOINT_SIZES,
): Promise<CheckpointProgress> {
  const store = { ...schema, sql: fromPool(pool) };
  const last = await lastPosition(store);
  if (!(await isSettled(store))) {
    return { position: await readCheckpoint(store), lastPosition: last, interrupted: true };
  }
  for (;;) {
    const step = await inTransaction(pool, (sql) => advanceCheckpoint({ ...schema, sql }, { settled: last, sizes }));
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
async function isSettled(store: ConnectedStore): Promise<boolean> {
  const bound = await nextTransactionId(store.sql);
  for (let poll = 1; poll <= SETTLE_POLLS_MAX; poll += 1) {
    if ((await oldestDrawer(store)) >= bound) return true;
    await delay(SETTLE_POLL_MS);
  }
  return false;
}

/** Makes all checkpoints anew, should they ever be in doubt. Answers are right meanwhile, and slower. */
export async function rebuildCheckpoints(
  pool: Pool,
  schema: Store,
  sizes: CheckpointSizes = CHECKPOINT_SIZES,
): Promise<CheckpointProgress> {
  await inTransaction(pool, (sql) => forgetCheckpoints({ ...schema, sql }));
  return advanceCheckpoints(pool, schema, sizes);
}
