import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Tables } from './tables.js';

/** The server's own tables; money goes through the ledger, which has connections of its own. */
export type Database = Kysely<Tables>;

const CONNECTIONS_MAX = 4;
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** For a database that hangs and does not even end its statements. */
const ANSWER_TIMEOUT_MS = 15_000;

export function connect(databaseUrl: string, schema: string): Database {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'micropay-server',
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
  });
  // A connection that breaks while idle, or between two statements of a transaction, must not end the process: the pool
  // drops it, the statement that follows fails, and the next transaction opens another.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }).withSchema(schema);
}
