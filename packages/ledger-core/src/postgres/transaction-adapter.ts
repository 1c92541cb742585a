import { objectWith } from '../domain/input/arguments.js';

/**
 * A database transaction that the caller opened, whatever the client library: runs one statement in it
 * and returns its rows. Keep one adapter a transaction: the ledger does one thing at a time in each.
 *
 * Column names come back as PostgreSQL gave them. What PostgreSQL refused is an `Error` with its SQLSTATE as
 * `code`, its `severity` and, where one was violated, the `constraint`.
 */
export interface TransactionAdapter {
  executeSql(text: string, values: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

export const transactionArgument = objectWith<TransactionAdapter>(
  'a transaction adapter, such as fromPg(client) makes',
  'executeSql',
);
