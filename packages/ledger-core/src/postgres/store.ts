import { escapeIdentifier } from 'pg';
import { createSqlBuilder, type SqlBuilder } from './tables.js';

/** Where the tables of a ledger are. Every function of SQL takes the transaction, then this. */
export interface Store {
  /** Quoted, ready to stand before a dot. */
  readonly schema: string;
  readonly build: SqlBuilder;
}

export function createStore(schema: string): Store {
  return { schema: escapeIdentifier(schema), build: createSqlBuilder(schema) };
}
