import type { Pool, PoolConfig } from 'pg';
import { type Backoff, backOff } from '../backoff.js';
import { object, optional, position, signal } from '../domain/input/arguments.js';
import { writable } from '../domain/json/result.js';
import { LedgerError } from '../errors.js';
import { allOn, FOLLOWING, fromClient, fromPool, openClient, snapshotOn } from '../postgres/connect.js';
import { readDeletedThrough, readLedgerLog } from '../postgres/event-log.js';
import { checkSchema } from '../postgres/migrate.js';
import { fromSqlError } from '../postgres/sql-errors.js';
import type { Store } from '../postgres/store.js';
import type { LedgerEvent } from './catalogue.js';
import {
  createLedgerTail,
  type FollowingConnection,
  type LedgerTail,
  PAGE_SIZE,
  type RecentRow,
  toRecent,
} from './ledger-tail.js';
import { createSleep } from './sleep.js';
import { createWakes } from './wakes.js';

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
  /** The error that keeps this process from following the log of a ledger; undefined while there is none. */
  fault(ledger: string): unknown;
  close(): Promise<void>;
}

interface Page {
  readonly rows: readonly RecentRow[];
  /** Nothing that is known lies between the rows and this position. */
  readonly through: bigint;
}

const POLL_MIN_MS = 5;
const POLL_MAX_MS = 200;
/** Always as long: subscribers wait for the connection, and one a process is no load. */
const RECONNECT: Backoff = { firstMs: 500, maxMs: 500 };

/**
 * Follows the log once for all subscribers of this process, of whatever ledgers. A subscriber asks when it is ready for more and is
 * given what follows its own position, from memory or from the tables: a slow one costs no memory and loses nothing.
 */
export function createEventTail({ database, store, pool, numberOf, onCommit, onFault }: TailOptions): EventTail {
  const closing = new AbortController();
  const tails = new Map<string, LedgerTail>();
  /** Subscriptions that begin or are being read, by ledger. */
  const readers = new Map<string, number>();
  /** Ledgers that had none at the last sweep: at the next one they are not followed any more. */
  const idle = new Set<string>();
  /** Names of the ledgers that are followed, by number. */
  const names = new Map<number, string>();
  let following: Promise<void> | undefined;
  let fault: unknown;
  const { sleep, wake } = createSleep(closing.signal);

  async function follow(): Promise<void> {
    const stopListening = onCommit(wake);
    while (!closing.signal.aborted) {
      // After any break of the connection the positions are kept, and the next connection resumes from them.
      await followOnce().catch((error: unknown) => waitAfter(error));
    }
    stopListening();
  }

  async function followOnce(): Promise<void> {
    const client = await openClient(database, FOLLOWING);
    try {
      const onClient = { ...store, sql: fromClient(client) };
      await checkSchema(onClient);
      await followOn({ snapshot: snapshotOn(client), store: onClient });
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

  async function followOn(connection: FollowingConnection): Promise<void> {
    const wakes = createWakes(connection.store);
    let idleMs = POLL_MIN_MS;
    while (!closing.signal.aborted) {
      const { ledgers, isSweepDue } = await wakes.next();
      if (isSweepDue) forgetIdle();
      for (const ledger of ledgers) tails.get(names.get(ledger) ?? '')?.wake();
      let isIdle = true;
      for (const tail of [...tails.values()]) {
        if (isSweepDue) tail.wake();
        if (await tail.look(connection)) isIdle = false;
      }
      fault = undefined;
      idleMs = isIdle ? Math.min(POLL_MAX_MS, idleMs * 2) : POLL_MIN_MS;
      if (isIdle) await sleep(idleMs);
    }
  }

  function forgetIdle(): void {
    for (const name of tails.keys()) {
      if (readers.has(name)) continue;
      if (idle.has(name)) tails.delete(name);
      idle.add(name);
    }
  }

  /** The tail of a ledger, begun if nobody follows it; call `leave` in the end. */
  function join(name: string): LedgerTail {
    readers.set(name, (readers.get(name) ?? 0) + 1);
    idle.delete(name);
    const known = tails.get(name);
    if (known !== undefined) return known;
    const findNumber = async () => {
      const ledger = await numberOf(name);
      names.set(ledger, name);
      return ledger;
    };
    const tail = createLedgerTail({ findNumber, onFault });
    tails.set(name, tail);
    wake();
    return tail;
  }

  function leave(name: string): void {
    const left = (readers.get(name) ?? 1) - 1;
    if (left > 0) readers.set(name, left);
    else readers.delete(name);
  }

  const isOver = (signal: AbortSignal | undefined) => closing.signal.aborted || signal?.aborted === true;

  /** Resolves with the next announcement, or when the subscription or the tail ends. */
  async function announcement(tail: LedgerTail, signal: AbortSignal | undefined): Promise<void> {
    if (!isOver(signal)) await tail.news(signal);
  }

  async function pageAfter(name: string, tail: LedgerTail, after: bigint): Promise<Page> {
    const end = tail.position() ?? after;
    if (after >= end) return { rows: [], through: after };
    if (after >= tail.recentAfter()) {
      const rows = tail.recent(after, PAGE_SIZE);
      return { rows, through: rows.at(-1)?.position ?? end };
    }
    const ledger = await numberOf(name);
    const found = await readLedgerLog(allOn(pool), store, { ledger, after, through: end, limit: PAGE_SIZE });
    const rows = found.map(toRecent);
    refuseGone(after, await readDeletedThrough({ ...store, sql: fromPool(pool), ledger }));
    // After a page that is not full nothing of the ledger is left there, though it may have been deleted.
    return { rows, through: rows.length < PAGE_SIZE ? end : (rows.at(-1)?.position ?? end) };
  }

  async function* eventsAfter(name: string, start: bigint, signal: AbortSignal | undefined) {
    const tail = join(name);
    let after = start;
    try {
      while (!isOver(signal)) {
        const { rows, through } = await pageAfter(name, tail, after);
        const events = rows.flatMap((row) => row.events);
        if (events.length > 0) yield events;
        else if (through === after) await announcement(tail, signal);
        after = through;
      }
    } finally {
      leave(name);
    }
  }

  return {
    async subscribe(ledger, { after, signal }) {
      if (closing.signal.aborted) throw new LedgerError('ledger_closed', 'this ledger was closed');
      const tail = join(ledger);
      following ??= follow();
      try {
        // A signal of its own: Node warns of one that many subscriptions listen to.
        const ends = signal && AbortSignal.any([signal]);
        while (tail.position() === undefined && !isOver(ends)) await announcement(tail, ends);
        const start = after ?? tail.position() ?? 0n;
        return writable(Object.assign(eventsAfter(ledger, start, ends), { after: start }));
      } finally {
        leave(ledger);
      }
    },
    fault: (ledger) => fault ?? tails.get(ledger)?.fault(),
    async close() {
      closing.abort();
      for (const tail of tails.values()) tail.announce();
      await following;
    },
  };
}

function refuseGone(after: bigint, deletedThrough: bigint): void {
  if (after >= deletedThrough) return;
  throw new LedgerError('events_gone', `events after position ${after} were deleted, up to ${deletedThrough}`, {
    after: String(after),
    deletedThrough: String(deletedThrough),
  });
}
