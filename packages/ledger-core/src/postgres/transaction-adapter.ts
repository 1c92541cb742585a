/**
 * A database transaction that the caller opened, whatever the client library: runs one statement in it
 * and returns its rows, with `numeric` and `bigint` columns as strings.
 */
export interface TransactionAdapter {
  executeSql(text: string, values: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}
