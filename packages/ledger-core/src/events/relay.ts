import { setTimeout as delay } from 'node:timers/promises';
import { Client, type PoolConfig } from 'pg';
import { createPool, fromClient, fromPool, snapshotOn, toConfig } from '../postgres/connect.js';
import { advanceCursor, type EventLag, readCursor, readLag, setCursor } from '../postgres/event-cursors.js';
import { createStore, type Store } from '../postgres/store.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import type { EventPublisher } from './publisher.js';
import { createLogReader, type LogReader } from './reader.js';
import { toEvents } from './to-events.js';

export interface RelayOptions {
  readonly database: string | PoolConfig;
  /** Default `micropay`. */
  readonly schema?: string;
  /** Name of the sink, `kafka` for one: it has one cursor and one leader over all processes. */
  readonly sink: string;
  readonly publisher: EventPublisher;
  /** Rows in one delivery; default 500. */
  readonly batchSizeMax?: number;
  /** Longest pause between two looks when nothing happens; default 200. */
  readonly pollMs?: number;
  /** Told of every failure; the relay goes on by itself. */
  readonly onError?: (error: unknown) => void;
}

export interface RelayStatus extends EventLag {
  readonly isLeader: boolean;
  readonly isPaused: boolean;
  /** True when rows wait behind a gap that a transaction under way may still fill. */
  readonly isHeldUp: boolean;
  readonly position: bigint;
}

export interface Relay {
  /** Delivers until it is stopped: takes the lead when it is free, else waits for it. */
  start(): void;
  /** Something was committed: look now. */
  wake(): void;
  status(): Promise<RelayStatus>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Delivers again everything after a position. */
  replay(after: bigint): Promise<void>;
  /** Ends after the delivery under way. */
  stop(): Promise<void>;
}

const LEADER_POLL_MS = 500;
const POLL_MIN_MS = 5;
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 10_000;

/** Carries committed events to one sink: at least once, in order, whatever crashes. */
export function createRelay(options: RelayOptions): Relay {
  const { database, sink, publisher, batchSizeMax = 500, pollMs = 200, onError = () => undefined } = options;
  const store = createStore(options.schema ?? 'micropay');
  const commands = createPool(database, 1);
  const commandSql = fromPool(commands);
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let isLeader = false;
  let isHeldUp = false;
  let wakeUp: (() => void) | undefined;

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        await lead(() => {
          failures = 0;
        });
      } catch (error) {
        onError(error);
        failures += 1;
        await pause(Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures));
      }
    }
  }

  /** Waits for the lead and keeps it as long as the connection that holds the lock lives. */
  async function lead(onDelivered: () => void): Promise<void> {
    const client = new Client(toConfig(database));
    client.on('error', onError);
    try {
      await client.connect();
      while (!(await tryToLead(fromClient(client), store, sink))) {
        if (stopping.signal.aborted) return;
        await pause(LEADER_POLL_MS);
      }
      await publisher.connect();
      isLeader = true;
      await deliver(client, onDelivered);
    } finally {
      isLeader = false;
      isHeldUp = false;
      // The lock goes with the connection; only then may somebody else lead.
      await publisher.close().catch(onError);
      await client.end().catch(onError);
    }
  }

  async function deliver(client: Client, onDelivered: () => void): Promise<void> {
    const statements = fromClient(client);
    let reader: LogReader | undefined;
    let position = 0n;
    let idleMs = POLL_MIN_MS;
    while (!stopping.signal.aborted) {
      const cursor = await readCursor(statements, store, sink);
      if (reader === undefined || cursor.position !== position) {
        position = cursor.position;
        reader = createLogReader({ snapshot: snapshotOn(client), statements }, store, position);
      }
      const rows = cursor.paused ? [] : await reader.next(batchSizeMax);
      isHeldUp = reader.isHeldUp();
      const last = rows.at(-1);
      if (last === undefined) {
        await sleepUntilWoken(idleMs);
        idleMs = Math.min(pollMs, idleMs * 2);
        continue;
      }
      idleMs = POLL_MIN_MS;
      await publisher.publish(rows.flatMap(toEvents));
      onDelivered();
      const moved = await advanceCursor(statements, store, { sink, from: position, to: last.position });
      // Somebody asked for a replay meanwhile: the next look begins where they put the cursor.
      if (moved) position = last.position;
      else reader = undefined;
    }
  }

  function sleepUntilWoken(ms: number): Promise<void> {
    const woken = new AbortController();
    wakeUp = () => woken.abort();
    return pause(ms, woken.signal);
  }

  /** Ends early when the relay is stopped or `signal` aborts. */
  async function pause(ms: number, signal?: AbortSignal): Promise<void> {
    const signals = signal === undefined ? [stopping.signal] : [stopping.signal, signal];
    await delay(ms, undefined, { signal: AbortSignal.any(signals) }).catch(() => undefined);
  }

  return {
    start() {
      running ??= run();
    },
    wake() {
      wakeUp?.();
    },
    async status() {
      const [{ position, paused }, lag] = [
        await readCursor(commandSql, store, sink),
        await readLag(commandSql, store, sink),
      ];
      return { ...lag, position, isPaused: paused, isLeader, isHeldUp };
    },
    async pause() {
      await setCursor(commandSql, store, sink, { paused: true });
    },
    async resume() {
      await setCursor(commandSql, store, sink, { paused: false });
      wakeUp?.();
    },
    async replay(after) {
      await setCursor(commandSql, store, sink, { position: after });
      wakeUp?.();
    },
    async stop() {
      stopping.abort();
      await running;
      await commands.end();
    },
  };
}

/** One leader a sink, whichever process: a lock of the session, free again when its connection ends. */
async function tryToLead(transaction: TransactionAdapter, { schema }: Store, sink: string): Promise<boolean> {
  const { rows } = await transaction.executeSql(
    `select pg_try_advisory_lock(hashtextextended('micropay relay ' || $1, 0)) as leads`,
    [`${schema} ${sink}`],
  );
  return rows[0]?.leads === true;
}
