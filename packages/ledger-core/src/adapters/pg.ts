import { objectWith } from '../domain/input/arguments.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { createFrom } from './create-from.js';

export { createPool, type PoolOptions } from '../postgres/connect.js';
export { fromSqlError } from '../postgres/sql-errors.js';

interface PgClient {
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

/**
 * Lets the ledger work in a transaction that was begun on this `pg` client. A client always has the same
 * adapter, which runs one piece of work at a time.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function fromPg(client: PgClient): TransactionAdapter {
  return from(client);
}

const from = createFrom<PgClient>(
  objectWith('a client of pg', 'query'),
  (client) => (text, values) => client.query(text, [...values]),
);
