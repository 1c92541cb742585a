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
import { invariant, LedgerError } from '../errors.js';
import { type EventPublisher, publisherArgument } from '../events/publisher.js';
import { findSettledEnd } from '../events/settled-end.js';
import { createSleep } from '../events/sleep.js';
import { createPool, fromClient, fromPool, type RunAll, snapshotOn } from '../postgres/connect.js';
import { databaseArgument } from '../postgres/database-argument.js';
import {
  advanceCursors,
  type LedgerLag,
  type OpenCursor,
  openCursor,
  openCursorAt,
  readLags,
  rewindCursor,
  skipTo,
} from '../postgres/event-cursors.js';
import { findSink, openSink, reviseSink, setPaused } from '../postgres/event-sinks.js';
import { findLedger, findOrCreateLedger, ledgerName, readLedgerName } from '../postgres/ledgers.js';
import { type OldestWriter, readOldestWriter } from '../postgres/position-drawers.js';
import { fail } from '../postgres/sql-errors.js';
import { type ConnectedStore, createStore, type LedgerStore, schemaName } from '../postgres/store.js';
import { leading } from './lead.js';
import { type Batch, createLedgerTurns, type LedgerTurns, rowsIn } from './ledger-turns.js';

export interface RelayOptions {
  /** Connection string or `pg` settings of a direct connection to the primary, because the leader holds a session-level lock. */
  readonly database: string | PoolConfig;
  /** Default `micropay`. */
  readonly schema?: string;
  /** Name of the sink, such as `kafka`. A sink has a cursor in each ledger, and one leader among all processes. */
  readonly sink: string;
  /** Name of the only ledger that is delivered to the sink; default all ledgers of the schema. */
  readonly ledger?: string;
  readonly publisher: EventPublisher;
  /** Rows in one delivery, 1 to 10,000; default 500. A transfer's row is three events. */
  readonly batchSizeMax?: number;
  /** The poll interval while nothing happens; default 200. */
  readonly pollMs?: number;
  /**
   * Called on every failure; the relay retries by itself. Also called with `events_gone`, once, when events of a ledger were deleted that
   * the sink has not received: a sink that was not known then, or only for another ledger. The relay goes on with what is left.
   */
  readonly onError?: (error: unknown) => void;
}

/** How far a sink is behind in all its ledgers together. */
export interface RelayStatus {
  /** Rows of the journal and of events not yet delivered to the sink: at least so many, as counting stops at 100,000. */
  readonly rows: number;
  /** Age of the oldest of them. */
  readonly seconds: number;
  /** The ledger with the oldest of them; null when everything is delivered. */
  readonly worst: LedgerLag | null;
  /** True when this process delivers. */
  readonly isLeader: boolean;
  readonly isPaused: boolean;
  /** True if rows wait behind a gap that an open transaction may still fill; only the leader knows it. */
  readonly isHeldUp: boolean;
  /** The oldest transaction that may be the reason. */
  readonly heldUpBy: OldestWriter | null;
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
   * Returns how far the sink is in a ledger.
   *
   * @throws {LedgerError} `invalid_request` for a ledger that is not there
   */
  lag(ledger: string): Promise<LedgerLag>;
  /**
   * Delivers everything of a ledger after a position again, except for events that have been deleted.
   *
   * @throws {LedgerError} `invalid_request` for a ledger that is not there, or a position that the sink has not reached in it
   */
  replay(ledger: string, after: bigint): Promise<void>;
  /**
   * Returns a position of which everything up to it in the ledger is committed or never will be: whatever commits from now on is
   * behind it.
   *
   * @throws {LedgerError} `transaction_conflict` if a transaction that has written events stays open for five seconds
   */
  findEnd(ledger: string): Promise<bigint>;
  /** Makes a new sink begin after this position of the ledger, and not with its first event. A cursor that is there stays. */
  open(ledger: string, after: bigint): Promise<void>;
  /**
   * Leaves out everything of a ledger up to a position: it counts as delivered. For a sink that nobody listens to, so that it keeps no
   * events from being deleted. A sink without a cursor there stays without.
   */
  skip(ledger: string, through: bigint): Promise<void>;
  /** Stops after the current delivery, and lets another relay lead. */
  stop(): Promise<void>;
}

const NOTHING: Batch = [];

const POLL_MIN_MS = 5;
const BACKOFF: Backoff = { firstMs: 200, maxMs: 10_000 };
const COMMAND_LIMITS = { connectionsMax: 1, statementTimeoutMs: 60_000, lockTimeoutMs: 5_000, answerTimeoutMs: 60_000 };

const SINK_LENGTH_MAX = 255;
const BATCH_SIZE_MAX = 10_000;
const readOptions = object<RelayOptions>({
  database: databaseArgument,
  schema: optional(schemaName),
  sink: text(1, SINK_LENGTH_MAX),
  ledger: optional(ledgerName),
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
  const { database, schema = 'micropay', sink, ledger: only, publisher } = read;
  const { batchSizeMax = 500, pollMs = 200, onError = () => undefined } = read;
  const store = createStore(schema);
  const commands = createPool(database, COMMAND_LIMITS);
  const onCommands = { ...store, sql: fromPool(commands) };
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  let isLeader = false;
  let turns: LedgerTurns | undefined;
  let failures = 0;
  /** What was reported as deleted before the sink had received it: the last position, by ledger. */
  const reportedGone = new Map<number, bigint>();
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
      const onClient = { ...store, sql: fromClient(client) };
      const ledger = only === undefined ? null : await findOrCreateLedger(onClient, only);
      // First, so that nothing is deleted that the sink will want, however long it is away.
      await openSink(onClient, sink, ledger);
      if (ledger !== null) await openCursor({ ...onClient, ledger }, sink);
      await publisher.connect();
      isLeader = true;
      await deliver(snapshotOn(client), onClient, ledger);
    } finally {
      isLeader = false;
      turns = undefined;
      await publisher.close().catch(onError);
    }
  }

  async function deliver(snapshot: RunAll, onClient: ConnectedStore, ledger: number | null): Promise<void> {
    const taking = createLedgerTurns({
      snapshot,
      store: onClient,
      sink,
      only: ledger,
      onUnreadable: onError,
      onOpened: (number, cursor) => reportGone({ ...onClient, ledger: number }, cursor),
    });
    turns = taking;
    let revision: string | undefined;
    let ahead = NOTHING;
    let idleMs = POLL_MIN_MS;
    while (!signal.aborted) {
      const state = await findSink(onClient, sink);
      if (state === undefined) await openSink(onClient, sink, ledger);
      if (state?.revision !== revision) {
        revision = state?.revision;
        taking.restartAll();
        ahead = NOTHING;
      }
      const batch = state?.isPaused ? NOTHING : await nextOf(taking, ahead);
      if (batch.length === 0) {
        await sleep(idleMs);
        idleMs = Math.min(pollMs, idleMs * 2);
        continue;
      }
      idleMs = POLL_MIN_MS;
      ahead = await publishAndReadAhead(taking, batch);
      failures = 0;
      const moves = batch.map(({ move }) => move);
      const unmoved = await advanceCursors(onClient, sink, moves);
      // Somebody asked for a replay meanwhile: the next look begins where they put the cursor.
      for (const each of unmoved) taking.restart(each);
      ahead = ahead.filter(({ move }) => !unmoved.has(move.ledger));
    }
  }

  async function reportGone(own: LedgerStore, { position, deletedThrough }: OpenCursor): Promise<void> {
    if (position >= deletedThrough) {
      // A later replay from before it is a new gap.
      reportedGone.delete(own.ledger);
      return;
    }
    if (reportedGone.get(own.ledger) === deletedThrough) return;
    const ledger = await readLedgerName(own);
    reportedGone.set(own.ledger, deletedThrough);
    const message = `sink ${sink} does not receive events of ledger ${ledger} after position ${position} that were deleted, up to ${deletedThrough}`;
    onError(
      new LedgerError('events_gone', message, {
        sink,
        ledger,
        after: String(position),
        deletedThrough: String(deletedThrough),
      }),
    );
  }

  async function nextOf(taking: LedgerTurns, ahead: Batch): Promise<Batch> {
    return ahead.length > 0 ? ahead : taking.next(batchSizeMax);
  }

  /** Reads the next rows while these are delivered, if there seem to be more. */
  async function publishAndReadAhead(taking: LedgerTurns, batch: Batch): Promise<Batch> {
    const reading = rowsIn(batch) < batchSizeMax ? NOTHING : taking.next(batchSizeMax);
    // Both are awaited, whatever the outcome of either: a send must not continue after the lead is given up.
    const [published, read] = await Promise.allSettled([
      publisher.publish(batch.flatMap(({ events }) => events)),
      reading,
    ]);
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

  /** @throws {LedgerError} `invalid_request` */
  async function knownLedger(name: string): Promise<LedgerStore> {
    const given = ledgerName(name, 'ledger');
    const ledger = await findLedger(onCommands, given).catch(fail);
    if (ledger === undefined) throw new LedgerError('invalid_request', `there is no ledger ${given}`);
    return { ...onCommands, ledger };
  }

  async function ledgerOf(name: string): Promise<LedgerStore> {
    return { ...onCommands, ledger: await findOrCreateLedger(onCommands, ledgerName(name, 'ledger')).catch(fail) };
  }

  async function readStatus(): Promise<RelayStatus> {
    const { isPaused = false } = (await findSink(onCommands, sink)) ?? {};
    const ledger = only === undefined ? undefined : await findLedger(onCommands, only);
    const isUnborn = only !== undefined && ledger === undefined;
    const lags = isUnborn ? [] : await readLags(onCommands, sink, ledger ?? null);
    const behind = lags.filter(({ rows }) => rows > 0).sort((a, b) => b.seconds - a.seconds);
    const isHeldUp = turns?.isHeldUp() ?? false;
    const heldUpBy = isHeldUp ? await readOldestWriter(onCommands) : null;
    const rows = behind.reduce((sum, lag) => sum + lag.rows, 0);
    const worst = behind[0] ?? null;
    return result({ rows, seconds: worst?.seconds ?? 0, worst, isPaused, isLeader, isHeldUp, heldUpBy });
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
    async lag(ledger) {
      const own = await knownLedger(ledger);
      const [lag] = await readLags(own, sink, own.ledger).catch(fail);
      invariant(lag !== undefined, 'a ledger has a lag');
      return lag;
    },
    async replay(ledger, given) {
      const after = positionArgument(given, 'after');
      const own = await knownLedger(ledger);
      if (!(await rewindCursor(own, sink, after).catch(fail))) {
        const message = `sink ${sink} has not reached position ${after} of ledger ${ledger} yet`;
        throw new LedgerError('invalid_request', message);
      }
      await reviseSink(own, sink).catch(fail);
      wake();
    },
    async findEnd(ledger) {
      return findSettledEnd(await ledgerOf(ledger), signal).catch(fail);
    },
    async open(ledger, given) {
      const after = positionArgument(given, 'after');
      const own = await ledgerOf(ledger);
      const onlyOne = only === undefined ? null : (await ledgerOf(only)).ledger;
      // The cursor first: a sink without one has received nothing of the ledger.
      await openCursorAt(own, sink, after).catch(fail);
      await openSink(own, sink, onlyOne).catch(fail);
    },
    async skip(ledger, given) {
      const through = positionArgument(given, 'through');
      const own = await ledgerOf(ledger);
      await skipTo(own, sink, through).catch(fail);
      await reviseSink(own, sink).catch(fail);
      wake();
    },
    stop() {
      stopped ??= end();
      return stopped;
    },
  };
}
