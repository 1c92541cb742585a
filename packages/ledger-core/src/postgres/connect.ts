import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type ClientBase, type ClientConfig, type Pool, type PoolConfig } from 'pg';
import { object, TIMER_MS_MAX, wholeNumber } from '../domain/input/arguments.js';
import { LedgerError } from '../errors.js';
import type { Row } from './balances.js';
import { databaseArgument } from './database-argument.js';
import { askForConnection, CONNECT_TIMEOUT_MS, FrugalPool, POLL_MS } from './frugal-pool.js';
import { setIdle, watchClient, whileDiskIsFull } from './server-watch.js';
import { prepareSession, type SessionLimits } from './session.js';
import { isOutOfConnections, sqlState } from './sql-errors.js';
import type { SqlExecutor, Transaction } from './transaction-adapter.js';

const CONNECTIONS_MAX = 10_000;
const KEEP_ALIVE_AFTER_MS = 10_000;

export interface ConnectionLimits extends SessionLimits {
  /** After this time without a response the connection counts as lost: networks can fail silently. */
  readonly answerTimeoutMs: number;
}

/**
 * Connection settings with the bounds that every connection of the ledger has. Nothing but the application's name is
 * sent at the start of a connection, as poolers refuse what they do not know: what the code relies on is set afterwards.
 */
function toConfig(database: string | PoolConfig, answerTimeoutMs: number): PoolConfig {
  const config = typeof database === 'string' ? { connectionString: database } : database;
  return {
    application_name: 'micropay',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...config,
    query_timeout: answerTimeoutMs,
  };
}

const PROBE_TIMEOUT_MS = 2_000;
const PROBE_LIMITS = { statementTimeoutMs: PROBE_TIMEOUT_MS, lockTimeoutMs: 0 };

/** A class, as pools make their clients by one. */
class WatchedClient extends Client {
  constructor(config: ClientConfig = {}) {
    super(config);
    watchClient(this, () => probe(config));
  }
}

/** Opens a connection and ends it: what server is there is learned by that. */
async function probe(config: ClientConfig): Promise<void> {
  const client = new WatchedClient({
    ...config,
    connectionTimeoutMillis: PROBE_TIMEOUT_MS,
    query_timeout: PROBE_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await prepareSession(client, PROBE_LIMITS);
  } finally {
    client.end().catch(() => undefined);
  }
}

const FOLLOWING_TIMEOUT_MS = 60_000;

/** Limits of a connection that follows the log. */
export const FOLLOWING: ConnectionLimits = {
  statementTimeoutMs: FOLLOWING_TIMEOUT_MS,
  lockTimeoutMs: 0,
  answerTimeoutMs: FOLLOWING_TIMEOUT_MS,
};

export interface PoolOptions extends ConnectionLimits {
  readonly connectionsMax: number;
}

const timeout = wholeNumber(0, TIMER_MS_MAX);
const readPoolOptions = object<PoolOptions>({
  connectionsMax: wholeNumber(1, CONNECTIONS_MAX),
  statementTimeoutMs: timeout,
  lockTimeoutMs: timeout,
  answerTimeoutMs: timeout,
});

/**
 * Opens a pool. Every connection of the ledger is made here or in `openClient`, and made ready by `prepareSession`.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function createPool(database: string | PoolConfig, options: PoolOptions): Pool {
  const named = databaseArgument(database, 'database');
  const { connectionsMax, ...limits } = readPoolOptions(options, 'options');
  const pool = new FrugalPool({
    ...toConfig(named, limits.answerTimeoutMs),
    Client: WatchedClient,
    max: connectionsMax,
    // A program that has nothing under way ends, also without `close()`.
    allowExitOnIdle: true,
    // The first connection stays: where there are few, another pool would take it.
    min: 1,
    onConnect: (client) => prepareSession(client, limits),
  });
  // An idle connection that breaks is dropped by the pool; the next query opens another.
  pool.on('error', () => undefined);
  // One that breaks between two statements of a transaction is no reason to end the process: the next statement says so.
  pool.on('connect', (client) => client.on('error', () => undefined));
  pool.on('acquire', (client) => setIdle(client, false));
  pool.on('release', (_error, client) => {
    if (pool.givesUpOne()) client.end().catch(() => undefined);
    setIdle(client, true);
  });
  return pool;
}

/** Opens a connection that sends statements without waiting for the responses to earlier ones. */
export async function openClient(
  database: string | PoolConfig,
  limits: ConnectionLimits,
  onBroken: (error: Error) => void = () => undefined,
): Promise<Client> {
  for (const givesUpAtMs = performance.now() + CONNECT_TIMEOUT_MS; ; await delay(POLL_MS)) {
    try {
      return await openOnce(database, limits, onBroken);
    } catch (error) {
      if (!isOutOfConnections(error) || performance.now() > givesUpAtMs) throw error;
      askForConnection();
    }
  }
}

async function openOnce(
  database: string | PoolConfig,
  limits: ConnectionLimits,
  onBroken: (error: Error) => void,
): Promise<Client> {
  const client = new WatchedClient({
    ...toConfig(database, limits.answerTimeoutMs),
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    pipeline: true,
  });
  client.on('error', onBroken);
  try {
    await client.connect();
    await prepareSession(client, limits);
  } catch (error) {
    client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

/** More than the free room in a few pages. */
const ROOM_BYTES = 65_536;

/** Resolves if the disk has room, as far as is known: after a write has met a full disk, it allocates some room and frees it. */
export async function checkRoom(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await whileDiskIsFull(client, async () => {
      await client.query('begin');
      await client
        .query('select lo_from_bytea(0, $1)', [randomBytes(ROOM_BYTES)])
        .finally(() => client.query('rollback'));
    });
  } finally {
    client.release();
  }
}

/** Statements of a pool, each on whatever connection is free. */
export function fromPool(pool: Pool): SqlExecutor {
  return { executeSql: (text, values) => pool.query(text, [...values]) };
}

/** Without a response to `commit`, the outcome of the transaction is unknown. */
function refuseUnconfirmed(error: unknown): never {
  if (sqlState(error) !== undefined) throw error;
  throw new LedgerError(
    'outcome_unknown',
    'the connection was lost during commit: check whether the change was made',
    {},
    { cause: error },
  );
}

function isLost(error: unknown): boolean {
  const cause = error instanceof LedgerError ? error.cause : error;
  return cause !== undefined && sqlState(cause) === undefined;
}

/** Runs `work` in a database transaction of its own. */
export async function inTransaction<Result>(
  pool: Pool,
  work: (transaction: Transaction) => Promise<Result>,
  isolation = 'read committed',
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  client.on('error', onError);
  function onError(error: Error): void {
    broken = error;
  }
  try {
    await client.query(`begin transaction isolation level ${isolation}`);
    const result = await work(fromClient(client) as Transaction);
    await client.query('commit').catch(refuseUnconfirmed);
    return result;
  } catch (error) {
    // If PostgreSQL did not respond, it will not respond to a rollback either: the connection is dropped.
    if (isLost(error)) broken = error as Error;
    else {
      await client.query('rollback').catch((rollbackError: Error) => {
        broken = rollbackError;
      });
    }
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** Statements on one connection. */
export function fromClient(client: ClientBase): SqlExecutor {
  return { executeSql: (text, values) => client.query(text, [...values]) };
}

/** A statement and its values. */
export type SqlCall = readonly [text: string, values: readonly unknown[]];

/** Runs statements that do not depend on one another's results, and returns the rows of each. */
export type RunAll = (calls: readonly SqlCall[]) => Promise<readonly (readonly Row[])[]>;

/**
 * Runs statements in one REPEATABLE READ snapshot. On a connection with `pipeline`, all of it is under way before
 * the first answer comes: one round trip, which needs nothing of this process meanwhile.
 */
export function snapshotOn(client: ClientBase): RunAll {
  return async (calls) => {
    const answers = await Promise.allSettled([
      client.query('begin transaction isolation level repeatable read read only'),
      ...calls.map(([text, values]) => client.query<Row>(text, [...values])),
      // After a failure it is a rollback.
      client.query('commit'),
    ]);
    return answers.map(rowsOf).slice(1, -1);
  };
}

function rowsOf(answer: PromiseSettledResult<{ readonly rows: readonly Row[] }>): readonly Row[] {
  if (answer.status === 'rejected') throw answer.reason;
  return answer.value.rows;
}

/** Runs statements on a pool, each in a snapshot of its own. */
export function allOn(pool: Pool): RunAll {
  return (calls) => Promise.all(calls.map(async ([text, values]) => (await pool.query<Row>(text, [...values])).rows));
}

/** Runs statements that only read in one snapshot. */
export function inSnapshot<Result>(pool: Pool, work: (snapshot: Transaction) => Promise<Result>): Promise<Result> {
  return inTransaction(pool, work, 'repeatable read read only');
}
