import type { TransactionAdapter } from '../postgres/transaction-adapter.js';

interface PgClient {
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

/** Lets the ledger work in a transaction that was begun on this `pg` client. */
export function fromPg(client: PgClient): TransactionAdapter {
  return { executeSql: (text, values) => client.query(text, [...values]) };
}
