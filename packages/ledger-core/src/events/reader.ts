import type { RunAll } from '../postgres/connect.js';
import { type LogRow, nextTransactionId, readLog } from '../postgres/event-log.js';
import { oldestDrawer } from '../postgres/position-drawers.js';
import type { Store } from '../postgres/store.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { type Bound, finalThrough, settle } from './settle.js';

/** The reader's connection to the primary; replicas assign no transaction ids. */
export interface LogConnection {
  /** Runs statements in one REPEATABLE READ snapshot. */
  readonly snapshot: RunAll;
  /** Runs single statements, each in a transaction of its own. */
  readonly statements: TransactionAdapter;
}

/** Reads the log upwards, in the commit order of each account, and loses nothing. */
export interface LogReader {
  /** The rows that follow, none when there are none yet or a gap before them may still fill. */
  next(limit: number): Promise<readonly LogRow[]>;
  /** True if rows wait behind a gap. */
  isHeldUp(): boolean;
}

/** A reader that begins after a position; keep the position of the last row to go on from there. */
export function createLogReader(connection: LogConnection, store: Store, after: bigint): LogReader {
  let position = after;
  let bound: Bound | undefined;
  let heldUp = false;

  return {
    isHeldUp: () => heldUp,
    async next(limit) {
      const from = position;
      const snapshot = await readLog(connection.snapshot, store, { after: from, limit });
      const settled = settle(from, snapshot, bound);
      heldUp = settled.rows.length < snapshot.rows.length;
      if (finalThrough(bound, snapshot.oldestRunning) > 0n) bound = undefined;
      if (settled.needsBound) {
        const through = snapshot.rows.at(-1)?.position ?? from;
        bound = { through, transactionId: await nextTransactionId(connection.statements), isReached: false };
      } else if (bound !== undefined) {
        // Somebody older runs, who may be of another database and never have drawn: for the next snapshot that counts.
        bound = { ...bound, isReached: (await oldestDrawer(connection.statements, store)) >= bound.transactionId };
      }
      position = settled.rows.at(-1)?.position ?? from;
      return settled.rows;
    },
  };
}
