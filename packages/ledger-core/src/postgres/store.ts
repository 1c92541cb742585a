import { escapeIdentifier } from 'pg';
import { valid } from '../domain/input/arguments.js';
import type { SqlExecutor } from './transaction-adapter.js';

/** The schema of the tables. Statements are written from it before there is a connection. */
export interface Store {
  readonly schemaName: string;
  /** Quoted, ready to stand before a dot. */
  readonly schema: string;
}

/** The tables of a schema, and the pool, connection or transaction that runs statements on them. */
export interface ConnectedStore<Sql extends SqlExecutor = SqlExecutor> extends Store {
  readonly sql: Sql;
}

/** The tables as one ledger uses them. Functions of SQL take it first; those that need a transaction do not take a pool. */
export interface LedgerStore<Sql extends SqlExecutor = SqlExecutor> extends ConnectedStore<Sql> {
  /** The ledger's number in every key. */
  readonly ledger: number;
}

const NAME_BYTES_MAX = 63;

/** PostgreSQL keeps these for itself. */
const RESERVED = /^(?:pg_|information_schema$)/;

/** The name of a PostgreSQL schema; a longer one would be cut off, and might then be another's. */
export const schemaName = valid<string>(
  (value) =>
    typeof value === 'string' &&
    value !== '' &&
    !value.includes('\0') &&
    !RESERVED.test(value) &&
    Buffer.byteLength(value) <= NAME_BYTES_MAX,
  `must be the name of a PostgreSQL schema, 1 to ${NAME_BYTES_MAX} bytes, neither pg_… nor information_schema`,
);

export function createStore(schema: string): Store {
  return { schemaName: schema, schema: escapeIdentifier(schema) };
}
