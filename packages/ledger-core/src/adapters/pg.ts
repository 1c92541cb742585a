import type { TransactionAdapter } from '../postgres/transaction-adapter.js';

export { createPool, type PoolOptions } from '../postgres/connect.js';
export { fromSqlError } from '../postgres/sql-errors.js';

interface PgClient {
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

const adapters = new WeakMap<PgClient, TransactionAdapter>();

/**
 * Lets the ledger work in a transaction that was begun on this `pg` client. A client always has the same
 * adapter, by which the ledger keeps its work there in turn.
 */
export function fromPg(client: PgClient): TransactionAdapter {
  const known = adapters.get(client);
  if (known !== undefined) return known;
  const adapter: TransactionAdapter = { executeSql: (text, values) => client.query(text, [...values]) };
  adapters.set(client, adapter);
  return adapter;
}
