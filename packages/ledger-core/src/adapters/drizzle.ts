import { type SQL, sql } from 'drizzle-orm';
import { objectWith } from '../domain/input/arguments.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { restoreColumnNames } from './column-names.js';
import { createFrom } from './create-from.js';

type Rows = readonly Record<string, unknown>[];

/** The part of a drizzle transaction that the ledger uses, in any version of drizzle. */
interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>;
}

/**
 * Lets the ledger work in this drizzle transaction, of `drizzle-orm/node-postgres` or
 * `drizzle-orm/postgres-js`. A transaction always has the same adapter, which runs one piece of
 * work at a time.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function fromDrizzle(transaction: DrizzleTransaction): TransactionAdapter {
  return from(transaction);
}

const from = createFrom<DrizzleTransaction>(
  objectWith('a transaction of drizzle', 'execute'),
  (transaction) => async (text, values) => {
    const result = await transaction.execute(toSql(text, values) as never).then(undefined, throwCause);
    return { rows: toRows(result) };
  },
);

/** A value that the text names twice is sent twice: drizzle numbers its parameters by itself. */
function toSql(text: string, values: readonly unknown[]): SQL {
  const pieces = text.split(/\$(\d+)/);
  return sql.join(
    pieces.map((piece, index) => (index % 2 === 0 ? sql.raw(piece) : sql.param(values[Number(piece) - 1]))),
  );
}

/** node-postgres returns an object with rows, postgres-js the rows themselves. */
function toRows(result: unknown): Rows {
  return Array.isArray(result) ? restoreColumnNames(result) : (result as { readonly rows: Rows }).rows;
}

/** Drizzle wraps what the database said; the ledger reads its SQLSTATE. */
function throwCause(error: unknown): never {
  const isWrapped = error instanceof Error && 'query' in error && error.cause instanceof Error;
  throw isWrapped ? error.cause : error;
}
