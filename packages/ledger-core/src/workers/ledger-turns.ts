import { type Backoff, backoffMs } from '../backoff.js';
import type { LedgerEvent } from '../events/catalogue.js';
import { createLogReader, type LogReader } from '../events/reader.js';
import { toEvents } from '../events/to-events.js';
import { createWakes } from '../events/wakes.js';
import type { RunAll } from '../postgres/connect.js';
import { type CursorMove, findLedgersBehind, type OpenCursor, openCursor } from '../postgres/event-cursors.js';
import { isUnreadable, type LogRow } from '../postgres/event-log.js';
import type { ConnectedStore } from '../postgres/store.js';

/** Rows of one ledger to deliver, and the move of its cursor when they are. */
export interface Part {
  readonly rows: number;
  readonly events: readonly LedgerEvent[];
  readonly move: CursorMove;
}

/** What is delivered at once, of several ledgers. */
export type Batch = readonly Part[];

export function rowsIn(batch: Batch): number {
  return batch.reduce((sum, { rows }) => sum + rows, 0);
}

/** Takes the ledgers that have rows for a sink in turns. */
export interface LedgerTurns {
  /** At most `limit` rows; none when no ledger has any to give now. */
  next(limit: number): Promise<Batch>;
  /** Drops what was read of a ledger, and begins at its cursor again. */
  restart(ledger: number): void;
  /** Begins everywhere again, as somebody has moved cursors. */
  restartAll(): void;
  /** True if rows of a ledger wait behind a gap. */
  isHeldUp(): boolean;
}

export interface LedgerTurnsOptions {
  readonly snapshot: RunAll;
  readonly store: ConnectedStore;
  readonly sink: string;
  /** The only ledger; null for all. */
  readonly only: number | null;
  /** Called for a row that cannot be read: its ledger waits, and no other. */
  readonly onUnreadable: (error: unknown) => void;
  /** Called when the sink begins or goes on in a ledger. */
  readonly onOpened: (ledger: number, cursor: OpenCursor) => Promise<void>;
}

/** A ledger that has rows to come. Idle ledgers have none, and cost nothing. */
interface Turn {
  readonly ledger: number;
  position: bigint;
  reader: LogReader | undefined;
  failures: number;
  waitsUntilMs: number;
}

const UNREADABLE_BACKOFF: Backoff = { firstMs: 200, maxMs: 10_000 };

/** The cursors are those that are stored, and whoever delivers a batch moves them before the next but one is asked for. */
export function createLedgerTurns(options: LedgerTurnsOptions): LedgerTurns {
  const { snapshot, store, sink, only, onUnreadable, onOpened } = options;
  const wakes = createWakes(store);
  /** In the order of their turns: who had one comes last. */
  const turns = new Map<number, Turn>();
  let looksEverywhere = true;

  async function findLedgers(): Promise<void> {
    const woken = await wakes.next();
    const isSweep = looksEverywhere || woken.isSweepDue;
    looksEverywhere = false;
    const behind = isSweep ? await findLedgersBehind(store, sink, only) : [];
    for (const ledger of [...woken.ledgers, ...behind]) {
      if (only === null || ledger === only) add(ledger);
    }
  }

  function add(ledger: number): void {
    if (turns.has(ledger)) return;
    turns.set(ledger, { ledger, position: 0n, reader: undefined, failures: 0, waitsUntilMs: 0 });
  }

  async function readerOf(turn: Turn): Promise<LogReader> {
    if (turn.reader !== undefined) return turn.reader;
    const own = { ...store, ledger: turn.ledger };
    const cursor = await openCursor(own, sink);
    await onOpened(turn.ledger, cursor);
    turn.position = cursor.position;
    turn.reader = createLogReader({ snapshot, store: own, after: turn.position });
    return turn.reader;
  }

  function failed(turn: Turn, error: unknown): void {
    if (!isUnreadable(error)) throw error;
    turn.reader = undefined;
    turn.failures += 1;
    turn.waitsUntilMs = performance.now() + backoffMs(UNREADABLE_BACKOFF, turn.failures);
    onUnreadable(error);
  }

  async function rowsOf(turn: Turn, limit: number): Promise<readonly LogRow[]> {
    if (performance.now() < turn.waitsUntilMs) return [];
    try {
      const reader = await readerOf(turn);
      const rows = await reader.next(limit);
      if (rows.length === 0 && !reader.isHeldUp()) turns.delete(turn.ledger);
      return rows;
    } catch (error) {
      failed(turn, error);
      return [];
    }
  }

  /** The events of the rows before the first that cannot be read. */
  function eventsOf(turn: Turn, rows: readonly LogRow[]): { readonly events: LedgerEvent[]; readonly rows: number } {
    const events: LedgerEvent[] = [];
    for (const [index, row] of rows.entries()) {
      try {
        events.push(...toEvents(row));
      } catch (error) {
        failed(turn, error);
        return { events, rows: index };
      }
    }
    turn.failures = 0;
    return { events, rows: rows.length };
  }

  return {
    async next(limit) {
      await findLedgers();
      const batch: Part[] = [];
      let left = limit;
      for (const turn of [...turns.values()]) {
        const read = await rowsOf(turn, left);
        const { events, rows } = eventsOf(turn, read);
        const last = read[rows - 1];
        if (last === undefined) continue;
        batch.push({ rows, events, move: { ledger: turn.ledger, from: turn.position, to: last.position } });
        turn.position = last.position;
        turns.delete(turn.ledger);
        turns.set(turn.ledger, turn);
        left -= rows;
        if (left <= 0) break;
      }
      return batch;
    },
    restart(ledger) {
      turns.delete(ledger);
      add(ledger);
    },
    restartAll() {
      turns.clear();
      looksEverywhere = true;
    },
    isHeldUp: () => [...turns.values()].some(({ reader }) => reader?.isHeldUp() === true),
  };
}
