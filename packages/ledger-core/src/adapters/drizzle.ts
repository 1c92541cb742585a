import { type SQL, sql } from 'drizzle-orm';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { restoreColumnNames } from './column-names.js';

type Rows = readonly Record<string, unknown>[];

/** What the ledger needs of a drizzle transaction, whichever version of drizzle it comes from. */
interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>;
}

const adapters = new WeakMap<DrizzleTransaction, TransactionAdapter>();

/**
 * Lets the ledger work in this drizzle transaction, of `drizzle-orm/node-postgres` or
 * `drizzle-orm/postgres-js`. A transaction always has the same adapter, by which the ledger keeps its work
 * there in turn.
 */
export function fromDrizzle(transaction: DrizzleTransaction): TransactionAdapter {
  const known = adapters.get(transaction);
  if (known !== undefined) return known;
  const adapter: TransactionAdapter = {
    async executeSql(text, values) {
      const result = await transaction.execute(toSql(text, values) as never).then(undefined, throwCause);
      return { rows: toRows(result) };
    },
  };
  adapters.set(transaction, adapter);
  return adapter;
}

/** A value that the text names twice is sent twice: drizzle numbers its parameters by itself. */
function toSql(text: string, values: readonly unknown[]): SQL {
  const pieces = text.split(/\$(\d+)/);
  return sql.join(
    pieces.map((piece, index) => (index % 2 === 0 ? sql.raw(piece) : sql.param(values[Number(piece) - 1]))),
  );
}

/** node-postgres answers an object with rows, postgres-js the rows. */
function toRows(result: unknown): Rows {
  return Array.isArray(result) ? restoreColumnNames(result) : (result as { readonly rows: Rows }).rows;
}

/** Drizzle wraps what the database said; the ledger reads its SQLSTATE. */
function throwCause(error: unknown): never {
  const isWrapped = error instanceof Error && 'query' in error && error.cause instanceof Error;
  throw isWrapped ? error.cause : error;
}
