import type { RunAll } from '../postgres/connect.js';
import { type LogRow, lastPosition, nextTransactionId, readLog } from '../postgres/event-log.js';
import { oldestDrawer } from '../postgres/position-drawers.js';
import type { LedgerStore } from '../postgres/store.js';
import { type Bound, judge, settle } from './settle.js';

/** Reads the log of a ledger upwards, in the commit order of each account, and loses nothing. */
export interface LogReader {
  /** The rows that follow, none when there are none yet or a gap before them may still fill. */
  next(limit: number): Promise<readonly LogRow[]>;
  /** True if rows wait behind a gap. */
  isHeldUp(): boolean;
}

export interface LogReaderOptions {
  /** Runs statements in one REPEATABLE READ snapshot, on the node that has the ledger. */
  readonly snapshot: RunAll;
  /** Runs single statements there, each in a transaction of its own, after those before it. */
  readonly store: LedgerStore;
  /** It begins after this position; keep the position of the last row to go on from there. */
  readonly after: bigint;
  /**
   * False where the sequence of positions is on another server than the ledger: then the locks of who draws are not to be seen, and
   * the running transactions alone decide. Default true.
   */
  readonly seesDrawers?: boolean;
}

/** It needs the primary: replicas assign no transaction ids. */
export function createLogReader({ snapshot, store, after, seesDrawers = true }: LogReaderOptions): LogReader {
  let position = after;
  /** The ledger's rows up to here are all there. */
  let finalThrough = 0n;
  let bound: Bound | undefined;
  let heldUp = false;
  /** Where other ledgers are as busy, nearly every row stands behind a gap, and a bound is taken before the rows are read. */
  let expectsGap = false;

  /** The position is read before the id is taken, by a statement of its own: what drew below it has an id by then. */
  async function takeBound(): Promise<void> {
    const through = await lastPosition(store);
    if (through <= position) return;
    bound = { through, transactionId: await nextTransactionId(store), isReached: false };
  }

  /** Somebody older may run who has drawn nothing, or is of another database: he need not end. */
  async function lookForDrawers(): Promise<void> {
    if (bound === undefined || !seesDrawers) return;
    bound = { ...bound, isReached: (await oldestDrawer(store)) >= bound.transactionId };
  }

  /** While the bound is open, nothing behind a gap is handed on: whether one is there shows in the first row. */
  async function look(limit: number): Promise<readonly LogRow[]> {
    if (bound === undefined || bound.isReached) return read(limit);
    const first = await read(1);
    return first.length === 0 || limit === 1 ? first : read(limit);
  }

  async function read(limit: number): Promise<readonly LogRow[]> {
    const found = await readLog(snapshot, store, { ledger: store.ledger, after: position, limit });
    const judgement = bound && judge(bound, found);
    if (bound !== undefined && judgement === 'final') finalThrough = bound.through;
    if (judgement !== 'open') bound = undefined;
    const { rows, isGapless } = settle(position, found.rows, finalThrough);
    heldUp = rows.length < found.rows.length;
    if (found.rows.length > 0) expectsGap = !isGapless;
    return rows;
  }

  return {
    isHeldUp: () => heldUp,
    async next(limit) {
      if (expectsGap && bound === undefined && position >= finalThrough) {
        await takeBound();
        if (bound === undefined) {
          heldUp = false;
          return [];
        }
      }
      await lookForDrawers();
      let rows = await look(limit);
      if (rows.length === 0 && heldUp && bound === undefined) {
        await takeBound();
        await lookForDrawers();
        rows = await look(limit);
      }
      position = rows.at(-1)?.position ?? position;
      return rows;
    },
  };
}
