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

export function connect(databaseUrl: string, schema: string): Database {
  const pool = createPool({ connectionString: databaseUrl, application_name: 'micropay-server' }, LIMITS);
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }).withSchema(schema);
}
