import { setTimeout as delay } from 'node:timers/promises';
import type { Client, PoolConfig } from 'pg';
import { type Backoff, backOff } from '../backoff.js';
import {
  milliseconds,
  object,
  optional,
  optionalCallback,
  position as positionArgument,
  text,
  wholeNumber,
} from '../domain/input/arguments.js';
import { result } from '../domain/json/result.js';
import { LedgerError } from '../errors.js';
import { type EventPublisher, publisherArgument } from '../events/publisher.js';
import { createLogReader, type LogReader } from '../events/reader.js';
import { findSettledEnd } from '../events/settled-end.js';
import { createSleep } from '../events/sleep.js';
import { toEvents } from '../events/to-events.js';
import { createPool, fromClient, fromPool, type RunAll, snapshotOn } from '../postgres/connect.js';
import { databaseArgument } from '../postgres/database-argument.js';
import {
  advanceCursor,
  type EventLag,
  findCursor,
  NEW_CURSOR,
  openCursor,
  openCursorAt,
  readLag,
  rewindCursor,
  setPaused,
  skipTo,
} from '../postgres/event-cursors.js';
import { type LogRow, readDeletedThrough } from '../postgres/event-log.js';
import { type OldestWriter, readOldestWriter } from '../postgres/position-drawers.js';
import { fail } from '../postgres/sql-errors.js';
import { type ConnectedStore, createStore, schemaName } from '../postgres/store.js';
import { leading } from './lead.js';

export interface RelayOptions {
  /** Connection string or `pg` settings of a direct connection to the primary, because the leader holds a session-level lock. */
  readonly database: string | PoolConfig;
  /** Default `micropay`. */
  readonly schema?: string;
  /** Name of the sink, such as `kafka`. A sink has one cursor, and one leader among all processes. */
  readonly sink: string;
  readonly publisher: EventPublisher;
  /** Rows in one delivery, 1 to 10,000; default 500. A transfer's row is three events. */
  readonly batchSizeMax?: number;
  /** The poll interval while nothing happens; default 200. */
  readonly pollMs?: number;
  /** Called on every failure; the relay retries by itself. */
  readonly onError?: (error: unknown) => void;
}

export interface RelayStatus extends EventLag {
  /** True when this process delivers. */
  readonly isLeader: boolean;
  readonly isPaused: boolean;
  /** True if rows wait behind a gap that an open transaction may still fill; only the leader knows it. */
  readonly isHeldUp: boolean;
  /** The oldest transaction that may be the reason. */
  readonly heldUpBy: OldestWriter | null;
  /** The last position delivered to the sink. */
  readonly position: bigint;
  /** Events up to here have been deleted: a replay from before it has all transfers, but not all other events. */
  readonly deletedThrough: bigint;
}

export interface Relay {
  /** Delivers until it is stopped; if another relay leads the sink, waits to take over. */
  start(): void;
  /** Delivers now, without waiting for the next poll. */
  readonly wake: () => void;
  status(): Promise<RelayStatus>;
  /**
   * Pauses deliveries to the sink in every process until `resume`, also after restarts.
   *
   * @throws {LedgerError} `invalid_request` for a sink that no relay has led yet
   */
  pause(): Promise<void>;
  /** @throws {LedgerError} `invalid_request` for a sink that no relay has led yet */
  resume(): Promise<void>;
  /**
   * Delivers everything after a position again, except for events that have been deleted.
   *
   * @throws {LedgerError} `invalid_request` for a position that the sink has not reached
   */
  replay(after: bigint): Promise<void>;
  /**
   * Returns a position of which everything up to it is committed or never will be: whatever commits from now on is behind it.
   *
   * @throws {LedgerError} `transaction_conflict` if a transaction that has written events stays open for five seconds
   */
  findEnd(): Promise<bigint>;
  /** Makes a new sink begin after this position, and not with the first event. A sink that has a cursor keeps it. */
  open(after: bigint): Promise<void>;
  /**
   * Leaves out everything up to a position: it counts as delivered. For a sink that nobody listens to, so that it keeps no events
   * from being deleted. A sink without a cursor stays without.
   */
  skip(through: bigint): Promise<void>;
  /** Stops after the current delivery, and lets another relay lead. */
  stop(): Promise<void>;
}

const POLL_MIN_MS = 5;
const BACKOFF: Backoff = { firstMs: 200, maxMs: 10_000 };
const COMMAND_LIMITS = { connectionsMax: 1, statementTimeoutMs: 60_000, lockTimeoutMs: 5_000, answerTimeoutMs: 60_000 };

const SINK_LENGTH_MAX = 255;
const BATCH_SIZE_MAX = 10_000;
const readOptions = object<RelayOptions>({
  database: databaseArgument,
  schema: optional(schemaName),
  sink: text(1, SINK_LENGTH_MAX),
  publisher: publisherArgument,
  batchSizeMax: optional(wholeNumber(1, BATCH_SIZE_MAX)),
  pollMs: optional(milliseconds),
  onError: optionalCallback,
});

/**
 * Delivers committed events to one sink, at least once and in order, whatever crashes.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function createRelay(options: RelayOptions): Relay {
  const read = readOptions(options, 'options');
  const { database, schema = 'micropay', sink, publisher } = read;
  const { batchSizeMax = 500, pollMs = 200, onError = () => undefined } = read;
  const store = createStore(schema);
  const commands = createPool(database, COMMAND_LIMITS);
  const onCommands = { ...store, sql: fromPool(commands) };
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  let isLeader = false;
  let isHeldUp = false;
  let failures = 0;
  const { sleep, wake } = createSleep(signal);

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await leading({ database, store, sink, signal, pause, onError }, lead);
      } catch (error) {
        onError(error);
        failures += 1;
        await backOff(BACKOFF, failures, signal);
      }
    }
  }

  async function lead(client: Client): Promise<void> {
    try {
      // First, so that nothing is deleted that the sink will want, however long it is away.
      const onClient = { ...store, sql: fromClient(client) };
      await openCursor(onClient, sink);
      await publisher.connect();
      isLeader = true;
      await deliver(snapshotOn(client), onClient);
    } finally {
      isLeader = false;
      isHeldUp = false;
      await publisher.close().catch(onError);
    }
  }

  async function deliver(snapshot: RunAll, onClient: ConnectedStore): Promise<void> {
    let reader: LogReader | undefined;
    let position = 0n;
    let ahead: readonly LogRow[] = [];
    let idleMs = POLL_MIN_MS;
    while (!signal.aborted) {
      const cursor = await openCursor(onClient, sink);
      if (reader === undefined || cursor.position !== position) {
        position = cursor.position;
        reader = createLogReader(snapshot, onClient, position);
        ahead = [];
      }
      const rows = await nextRows(reader, ahead, cursor.paused);
      isHeldUp = reader.isHeldUp();
      const last = rows.at(-1);
      if (last === undefined) {
        await sleep(idleMs);
        idleMs = Math.min(pollMs, idleMs * 2);
        continue;
      }
      idleMs = POLL_MIN_MS;
      ahead = await publishAndReadAhead(reader, rows);
      failures = 0;
      const moved = await advanceCursor(onClient, { sink, from: position, to: last.position });
      // Somebody asked for a replay meanwhile: the next look begins where they put the cursor.
      if (moved) position = last.position;
      else reader = undefined;
    }
  }

  async function nextRows(reader: LogReader, ahead: readonly LogRow[], isPaused: boolean): Promise<readonly LogRow[]> {
    if (isPaused) return [];
    return ahead.length > 0 ? ahead : reader.next(batchSizeMax);
  }

  /** Reads the next rows while these are delivered, if there seem to be more. */
  async function publishAndReadAhead(reader: LogReader, rows: readonly LogRow[]): Promise<readonly LogRow[]> {
    // First, because it throws for an unreadable row: then no send is in progress that nobody awaits.
    const events = rows.flatMap(toEvents);
    const reading = rows.length < batchSizeMax ? [] : reader.next(batchSizeMax);
    // Both are awaited, whatever the outcome of either: a send must not continue after the lead is given up.
    const [published, read] = await Promise.allSettled([publisher.publish(events), reading]);
    if (published.status === 'rejected') throw published.reason;
    if (read.status === 'rejected') throw read.reason;
    return read.value;
  }

  /** Ends early when the relay is stopped. */
  async function pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }

  async function end(): Promise<void> {
    stopping.abort();
    await running;
    await commands.end();
  }

  async function readStatus(): Promise<RelayStatus> {
    const { position, paused } = (await findCursor(onCommands, sink)) ?? NEW_CURSOR;
    const lag = await readLag(onCommands, sink);
    const heldUpBy = isHeldUp ? await readOldestWriter(onCommands) : null;
    const deletedThrough = await readDeletedThrough(onCommands);
    return result({ ...lag, position, deletedThrough, isPaused: paused, isLeader, isHeldUp, heldUpBy });
  }

  /** Creates no cursor: a cursor without a relay would keep every event for ever. */
  async function changePaused(paused: boolean): Promise<void> {
    if (await setPaused(onCommands, sink, paused).catch(fail)) return;
    throw new LedgerError('invalid_request', `no relay has delivered to sink ${sink} yet: start one first`);
  }

  return {
    start() {
      running ??= run();
    },
    wake,
    async status() {
      return readStatus().catch(fail);
    },
    async pause() {
      await changePaused(true);
    },
    async resume() {
      await changePaused(false);
      wake();
    },
    async replay(given) {
      const after = positionArgument(given, 'after');
      if (!(await rewindCursor(onCommands, sink, after).catch(fail))) {
        throw new LedgerError('invalid_request', `sink ${sink} has not reached position ${after} yet`);
      }
      wake();
    },
    findEnd() {
      return findSettledEnd(onCommands, signal).catch(fail);
    },
    async open(given) {
      await openCursorAt(onCommands, sink, positionArgument(given, 'after')).catch(fail);
    },
    async skip(given) {
      await skipTo(onCommands, sink, positionArgument(given, 'through')).catch(fail);
      wake();
    },
    stop() {
      stopped ??= end();
      return stopped;
    },
  };
}
