import type { Pool, PoolConfig } from 'pg';
import { type Backoff, backOff } from '../backoff.js';
import { object, optional, position, signal } from '../domain/input/arguments.js';
import { writable } from '../domain/json/result.js';
import { LedgerError } from '../errors.js';
import { allOn, FOLLOWING, fromClient, fromPool, openClient, type RunAll, snapshotOn } from '../postgres/connect.js';
import {
  type LogRow,
  nextTransactionId,
  readDeletedThrough,
  readEventRange,
  readLedgerLog,
} from '../postgres/event-log.js';
import { checkSchema } from '../postgres/migrate.js';
import { oldestDrawer } from '../postgres/position-drawers.js';
import { fromSqlError } from '../postgres/sql-errors.js';
import type { ConnectedStore, Store } from '../postgres/store.js';
import type { LedgerEvent } from './catalogue.js';
import { createLogReader } from './reader.js';
import { createSleep } from './sleep.js';
import { toEvents } from './to-events.js';

export interface TailOptions {
  readonly database: string | PoolConfig;
  readonly store: Store;
  /** For reading what a subscriber has missed. */
  readonly pool: Pool;
  /** The number of a ledger by its name. */
  readonly numberOf: (ledger: string) => Promise<number>;
  /** Returns a function that stops listening. */
  readonly onCommit: (listener: () => void) => () => void;
  /** Called when the log cannot be followed, once per reason until it has passed. */
  readonly onFault: (fault: unknown) => void;
}

export interface SubscribeOptions {
  /** Position of the last event that you have seen; default: start now. */
  readonly after?: bigint;
  /** Ends the subscription. */
  readonly signal?: AbortSignal;
}

const readOptions = object<SubscribeOptions>({ after: optional(position), signal: optional(signal) });

/** @throws {LedgerError} `invalid_request` */
export function checkSubscription(options: SubscribeOptions): SubscribeOptions {
  return readOptions(options, 'options');
}

/**
 * Batches of events in order; what one journal row stands for is never split over two batches. The iteration throws `events_gone` when
 * the next events have been deleted.
 */
export interface EventSubscription extends AsyncIterable<readonly LedgerEvent[]> {
  /** The position after which it begins. */
  readonly after: bigint;
}

export interface EventTail {
  subscribe(ledger: string, options: SubscribeOptions): Promise<EventSubscription>;
  /** The error that keeps this process from following the log; undefined while there is none. */
  fault(): unknown;
  close(): Promise<void>;
}

/** A row of the log and its events. */
interface Recent {
  readonly position: bigint;
  readonly ledger: string;
  readonly events: readonly LedgerEvent[];
}

interface Page {
  readonly rows: readonly Recent[];
  /** Nothing that is known lies between the rows and this position. */
  readonly through: bigint;
}

const BATCH_SIZE = 500;
/** The positions, of whatever ledgers, that one statement looks through for the rows of one. */
const WINDOW = 1_000_000n;
/** Rows kept for subscribers that are a little behind; a subscriber further behind reads the tables. */
const RECENT_MAX = 4_096;
const POLL_MIN_MS = 5;
const POLL_MAX_MS = 200;
/** Always as long: subscribers wait for the connection, and one a process is no load. */
const RECONNECT: Backoff = { firstMs: 500, maxMs: 500 };

/**
 * Follows the log once for all subscribers of this process. A subscriber asks when it is ready for more and is
 * given what follows its own position, from memory or from the tables: a slow one costs no memory and
 * loses nothing.
 */
export function createEventTail({ database, store, pool, numberOf, onCommit, onFault }: TailOptions): EventTail {
  const closing = new AbortController();
  const waiting = new Set<() => void>();
  let recent: Recent[] = [];
  /** Rows up to here are in the tables for good, and every one after it that is known is recent. */
  let recentAfter = 0n;
  let position: bigint | undefined;
  let following: Promise<void> | undefined;
  let fault: unknown;
  const { sleep, wake } = createSleep(closing.signal);

  async function follow(): Promise<void> {
    const stopListening = onCommit(wake);
    while (!closing.signal.aborted) {
      // After any break of the connection the position is kept, and the next connection resumes from it.
      await followOnce().catch((error: unknown) => waitAfter(error));
    }
    stopListening();
  }

  async function followOnce(): Promise<void> {
    const client = await openClient(database, FOLLOWING);
    try {
      const onClient = { ...store, sql: fromClient(client) };
      await checkSchema(onClient);
      await followOn(snapshotOn(client), onClient);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async function waitAfter(error: unknown): Promise<void> {
    const reason = fromSqlError(error);
    const isKnown = String(reason) === String(fault);
    fault = reason;
    if (!isKnown && !closing.signal.aborted) onFault(reason);
    // Not to be woken: commits would have it connect again and again.
    await backOff(RECONNECT, 1, closing.signal);
  }

  async function followOn(snapshot: RunAll, onClient: ConnectedStore): Promise<void> {
    position ??= await findSettledEnd(onClient);
    announce([]);
    const reader = createLogReader(snapshot, onClient, position);
    let idleMs = POLL_MIN_MS;
    while (!closing.signal.aborted) {
      const rows = await reader.next(BATCH_SIZE);
      const deletedThrough = await readDeletedThrough(onClient);
      if (deletedThrough > position) return beginBehind(deletedThrough);
      announce(rows.map(toRecent));
      fault = undefined;
      idleMs = rows.length > 0 ? POLL_MIN_MS : Math.min(POLL_MAX_MS, idleMs * 2);
      if (rows.length === 0) await sleep(idleMs);
    }
  }

  /** The highest position below which nothing can appear any more; it waits for those who write there. */
  async function findSettledEnd(onClient: ConnectedStore): Promise<bigint> {
    const { last: end } = await readEventRange(onClient);
    const bound = await nextTransactionId(onClient.sql);
    while ((await oldestDrawer(onClient)) < bound && !closing.signal.aborted) await sleep(POLL_MIN_MS);
    recentAfter = end;
    return end;
  }

  /** Events were deleted before they were followed: subscribers that need them read the tables, and are refused there. */
  function beginBehind(deletedThrough: bigint): void {
    recent = [];
    recentAfter = deletedThrough;
    position = deletedThrough;
    announce([]);
  }

  function announce(rows: readonly Recent[]): void {
    recent.push(...rows);
    position = rows.at(-1)?.position ?? position;
    if (recent.length > 2 * RECENT_MAX) {
      recentAfter = recent.at(-RECENT_MAX - 1)?.position ?? recentAfter;
      recent = recent.slice(-RECENT_MAX);
    }
    for (const resume of waiting) resume();
  }

  const isOver = (signal: AbortSignal | undefined) => closing.signal.aborted || signal?.aborted === true;

  /** Resolves with the next announcement, or when the subscription or the tail ends. */
  async function announcement(signal: AbortSignal | undefined): Promise<void> {
    if (isOver(signal)) return;
    await new Promise<void>((resolve) => {
      const resume = () => {
        waiting.delete(resume);
        signal?.removeEventListener('abort', resume);
        resolve();
      };
      waiting.add(resume);
      signal?.addEventListener('abort', resume);
    });
  }

  async function pageAfter(after: bigint, ledger: string): Promise<Page> {
    const end = position ?? after;
    if (after >= end) return { rows: [], through: after };
    if (after >= recentAfter) {
      const first = firstAfter(recent, after);
      const rows = recent.slice(first, first + BATCH_SIZE);
      return { rows, through: rows.at(-1)?.position ?? end };
    }
    const through = after + WINDOW < end ? after + WINDOW : end;
    const range = { ledger: await numberOf(ledger), after, through, limit: BATCH_SIZE };
    const rows = (await readLedgerLog(allOn(pool), store, range)).map(toRecent);
    refuseGone(after, await readDeletedThrough({ ...store, sql: fromPool(pool) }));
    // After a page that is not full nothing of the ledger is left there, though it may have been deleted.
    return { rows, through: rows.length < BATCH_SIZE ? through : (rows.at(-1)?.position ?? through) };
  }

  async function* eventsAfter(ledger: string, start: bigint, signal: AbortSignal | undefined) {
    let after = start;
    while (!isOver(signal)) {
      const { rows, through } = await pageAfter(after, ledger);
      const events = rows.filter((row) => row.ledger === ledger).flatMap((row) => row.events);
      if (events.length > 0) yield events;
      else if (through === after) await announcement(signal);
      after = through;
    }
  }

  return {
    async subscribe(ledger, { after, signal }) {
      if (closing.signal.aborted) throw new LedgerError('ledger_closed', 'this ledger was closed');
      following ??= follow();
      // A signal of its own: Node warns of one that many subscriptions listen to.
      const ends = signal && AbortSignal.any([signal]);
      while (position === undefined && !isOver(ends)) await announcement(ends);
      const start = after ?? position ?? 0n;
      return writable(Object.assign(eventsAfter(ledger, start, ends), { after: start }));
    },
    fault: () => fault,
    async close() {
      closing.abort();
      for (const resume of waiting) resume();
      await following;
    },
  };
}

function toRecent(row: LogRow): Recent {
  return { position: row.position, ledger: row.ledger, events: toEvents(row) };
}

function refuseGone(after: bigint, deletedThrough: bigint): void {
  if (after >= deletedThrough) return;
  throw new LedgerError('events_gone', `events after position ${after} were deleted, up to ${deletedThrough}`, {
    after: String(after),
    deletedThrough: String(deletedThrough),
  });
}

/** Index of the first row after a position; rows are in order. */
function firstAfter(rows: readonly Recent[], after: bigint): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.position ?? 0n) > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
