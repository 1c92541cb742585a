import { objectWith } from '../domain/input/arguments.js';

/**
 * A database transaction that the caller opened with any client library: it runs one statement and returns its rows. Use
 * one adapter per transaction, because the ledger runs one piece of work at a time in each.
 *
 * Column names are returned as PostgreSQL named them. An error of PostgreSQL is an `Error` with the SQLSTATE as `code`, the
 * `severity` and, if one was violated, the `constraint`.
 */
export interface TransactionAdapter {
  executeSql(text: string, values: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

/** Runs statements. On a pool, each on whatever connection is free. */
export type SqlExecutor = Pick<TransactionAdapter, 'executeSql'>;

declare const IS_TRANSACTION: unique symbol;

/**
 * Runs its statements in one database transaction. The brand keeps a pool from being taken for one: only code that
 * begins a transaction, or is given a caller's, makes it.
 */
export interface Transaction extends SqlExecutor {
  readonly [IS_TRANSACTION]: true;
}

export const transactionArgument = objectWith<Transaction>(
  'a transaction adapter, such as fromPg(client) makes',
  'executeSql',
);
