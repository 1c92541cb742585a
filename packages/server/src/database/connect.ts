import type { Connections } from '@micropay/ledger-core';
import { createPool } from '@micropay/ledger-core/pg';
import { Kysely, PostgresDialect } from 'kysely';
import type { Tables } from './tables.js';

/** The server's own tables; money goes through the ledger, which has connections of its own. */
export type Database = Kysely<Tables>;

const LIMITS = {
  connectionsMax: 4,
  statementTimeoutMs: 10_000,
  lockTimeoutMs: 0,
  /** For a database that hangs and does not even end its statements. */
  answerTimeoutMs: 15_000,
};

/** The connections of the server's own tables. */
export interface ServerPool {
  readonly pool: ReturnType<typeof createPool>;
  connections(): Connections;
}

export function createServerPool(databaseUrl: string): ServerPool {
  const pool = createPool({ connectionString: databaseUrl, application_name: 'micropay-server' }, LIMITS);
  return {
    pool,
    connections: () => ({
      open: pool.totalCount,
      inUse: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
      max: LIMITS.connectionsMax,
    }),
  };
}

/** Of work that goes on beside requests and writes in batches. */
const APART_LIMITS = { statementTimeoutMs: 30_000, lockTimeoutMs: 0, answerTimeoutMs: 35_000 };

/** Connections apart from those of requests, so that a login does not wait for a queue. */
export function connectApart(
  databaseUrl: string,
  schema: string,
  { name, connectionsMax }: { readonly name: string; readonly connectionsMax: number },
): Database {
  const settings = { connectionString: databaseUrl, application_name: name };
  return connect(databaseUrl, schema, { pool: createPool(settings, { ...APART_LIMITS, connectionsMax }) });
}

/** Destroying the database ends the pool. */
export function connect(
  databaseUrl: string,
  schema: string,
  { pool }: Pick<ServerPool, 'pool'> = createServerPool(databaseUrl),
): Database {
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }).withSchema(schema);
}
