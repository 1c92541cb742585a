import type { RunAll } from '../postgres/connect.js';
import { type LogRow, nextTransactionId, readLog } from '../postgres/event-log.js';
import { oldestDrawer } from '../postgres/position-drawers.js';
import type { ConnectedStore } from '../postgres/store.js';
import { type Bound, finalThrough, settle } from './settle.js';

/** Reads the log upwards, in the commit order of each account, and loses nothing. */
export interface LogReader {
  /** The rows that follow, none when there are none yet or a gap before them may still fill. */
  next(limit: number): Promise<readonly LogRow[]>;
  /** True if rows wait behind a gap. */
  isHeldUp(): boolean;
}

/**
 * A reader that begins after a position; keep the position of the last row to go on from there. It needs the primary:
 * replicas assign no transaction ids.
 *
 * @param snapshot runs statements in one REPEATABLE READ snapshot
 * @param store runs single statements, each in a transaction of its own
 */
export function createLogReader(snapshot: RunAll, store: ConnectedStore, after: bigint): LogReader {
  let position = after;
  let bound: Bound | undefined;
  let heldUp = false;

  return {
    isHeldUp: () => heldUp,
    async next(limit) {
      const from = position;
      const found = await readLog(snapshot, store, { after: from, limit });
      const settled = settle(from, found, bound);
      heldUp = settled.rows.length < found.rows.length;
      if (finalThrough(bound, found.oldestRunning) > 0n) bound = undefined;
      if (settled.needsBound) {
        const through = found.rows.at(-1)?.position ?? from;
        bound = { through, transactionId: await nextTransactionId(store.sql), isReached: false };
      } else if (bound !== undefined) {
        // Somebody older runs, who may be of another database and never have drawn: for the next snapshot that counts.
        bound = { ...bound, isReached: (await oldestDrawer(store)) >= bound.transactionId };
      }
      position = settled.rows.at(-1)?.position ?? from;
      return settled.rows;
    },
  };
}
