import type { RunAll } from '../postgres/connect.js';
import {
  isUnreadable,
  type LogRow,
  nextTransactionId,
  readDeletedThrough,
  readEventRange,
} from '../postgres/event-log.js';
import { oldestDrawer } from '../postgres/position-drawers.js';
import type { ConnectedStore, LedgerStore } from '../postgres/store.js';
import type { LedgerEvent } from './catalogue.js';
import { createLogReader, type LogReader } from './reader.js';
import { toEvents } from './to-events.js';

/** A row of the log and its events. */
export interface RecentRow {
  readonly position: bigint;
  readonly events: readonly LedgerEvent[];
}

/** The end of one ledger's log, as this process follows it for all subscribers of the ledger. */
export interface LedgerTail {
  /** Rows up to here are in the tables for good; undefined until it has begun. */
  position(): bigint | undefined;
  /** Every row after this position that is known is recent. */
  recentAfter(): bigint;
  /** At most so many recent rows after a position. */
  recent(after: bigint, limit: number): readonly RecentRow[];
  /** The error that keeps this process from following the ledger; undefined while there is none. */
  fault(): unknown;
  /** Resolves at the next news, or when a signal aborts. */
  news(signal: AbortSignal | undefined): Promise<void>;
  /** Resumes those who wait for news. */
  announce(): void;
  /** Has the next look be one, whether the ledger is known to have rows or not. */
  wake(): void;
  /** Reads what is new on a connection; true if there was something. Does nothing while nothing is to be expected. */
  look(connection: FollowingConnection): Promise<boolean>;
}

export interface FollowingConnection {
  readonly snapshot: RunAll;
  readonly store: ConnectedStore;
}

export interface LedgerTailOptions {
  readonly findNumber: () => Promise<number>;
  /** Called when a row cannot be read, once per reason until that has passed. */
  readonly onFault: (fault: unknown) => void;
}

export const PAGE_SIZE = 500;
/** Rows kept for subscribers that are a little behind; a subscriber further behind reads the tables. */
const RECENT_MAX = 4_096;
/** The pause after a row that cannot be read. */
const UNREADABLE_MS = 500;

export function createLedgerTail({ findNumber, onFault }: LedgerTailOptions): LedgerTail {
  const waiting = new Set<() => void>();
  let recent: RecentRow[] = [];
  let recentAfter = 0n;
  let position: bigint | undefined;
  /** The end of the log when it began, and the id that older writers have to be done by. */
  let start: { readonly end: bigint; readonly transactionId: bigint } | undefined;
  let reading: { readonly connection: FollowingConnection; readonly reader: LogReader } | undefined;
  let fault: unknown;
  let waitsUntilMs = 0;
  let isAwake = true;

  function announce(): void {
    for (const resume of waiting) resume();
  }

  /** Begins at the highest position below which nothing can appear any more: those who write there have to be done. */
  async function begin(store: LedgerStore): Promise<void> {
    start ??= { end: (await readEventRange(store)).last, transactionId: await nextTransactionId(store) };
    if ((await oldestDrawer(store)) < start.transactionId) return;
    position = start.end;
    recentAfter = start.end;
    announce();
  }

  async function lookOn(connection: FollowingConnection): Promise<boolean> {
    const store = { ...connection.store, ledger: await findNumber() };
    if (position === undefined) await begin(store);
    if (position === undefined) return false;
    const after = position;
    if (reading?.connection !== connection) {
      reading = { connection, reader: createLogReader({ snapshot: connection.snapshot, store, after }) };
    }
    const { reader } = reading;
    const rows = await reader.next(PAGE_SIZE);
    const deletedThrough = await readDeletedThrough(store);
    if (deletedThrough > after) beginBehind(deletedThrough);
    else add(rows.map(toRecent));
    fault = undefined;
    isAwake = rows.length > 0 || reader.isHeldUp();
    return rows.length > 0;
  }

  /** Events were deleted before they were followed: subscribers that need them read the tables, and are refused there. */
  function beginBehind(deletedThrough: bigint): void {
    reading = undefined;
    recent = [];
    recentAfter = deletedThrough;
    position = deletedThrough;
    announce();
  }

  function add(rows: readonly RecentRow[]): void {
    recent.push(...rows);
    position = rows.at(-1)?.position ?? position;
    if (recent.length > 2 * RECENT_MAX) {
      recentAfter = recent.at(-RECENT_MAX - 1)?.position ?? recentAfter;
      recent = recent.slice(-RECENT_MAX);
    }
    announce();
  }

  function failed(error: unknown): void {
    if (!isUnreadable(error)) throw error;
    reading = undefined;
    waitsUntilMs = performance.now() + UNREADABLE_MS;
    const isKnown = String(error) === String(fault);
    fault = error;
    if (!isKnown) onFault(error);
  }

  return {
    position: () => position,
    recentAfter: () => recentAfter,
    recent(after, limit) {
      const first = firstAfter(recent, after);
      return recent.slice(first, first + limit);
    },
    fault: () => fault,
    news: (signal) =>
      new Promise((resolve) => {
        const resume = () => {
          waiting.delete(resume);
          signal?.removeEventListener('abort', resume);
          resolve();
        };
        waiting.add(resume);
        signal?.addEventListener('abort', resume);
      }),
    announce,
    wake() {
      isAwake = true;
    },
    async look(connection) {
      if ((!isAwake && position !== undefined) || performance.now() < waitsUntilMs) return false;
      try {
        return await lookOn(connection);
      } catch (error) {
        failed(error);
        return false;
      }
    },
  };
}

export function toRecent(row: LogRow): RecentRow {
  return { position: row.position, events: toEvents(row) };
}

/** Index of the first row after a position; rows are in order. */
function firstAfter(rows: readonly RecentRow[], after: bigint): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.position ?? 0n) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
