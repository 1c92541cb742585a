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

export const transactionArgument = objectWith<TransactionAdapter>(
  'a transaction adapter, such as fromPg(client) makes',
  'executeSql',
);
