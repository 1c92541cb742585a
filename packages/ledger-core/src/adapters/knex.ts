import { hasMethods, readable, valid } from '../domain/input/arguments.js';
import { LedgerError } from '../errors.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { createFrom } from './create-from.js';

interface PgConnection {
  query(text: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

/** The part of a knex transaction that the ledger uses, in any version of knex. */
interface KnexTransaction {
  readonly isTransaction?: boolean;
  isCompleted(): boolean;
  readonly client: { acquireConnection(): Promise<PgConnection> };
}

/**
 * Lets the ledger work in this knex transaction of the client `pg`. A transaction always has the same
 * adapter, which runs one piece of work at a time.
 *
 * Statements go to the transaction's own connection: knex would take every "?" for a value, and hand
 * rows to the application's `postProcessResponse`.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function fromKnex(transaction: KnexTransaction): TransactionAdapter {
  return from(transaction);
}

const from = createFrom<KnexTransaction>(
  readable(valid(isKnex, 'must be a transaction of knex')),
  (transaction) => async (text, values) => {
    refuseOutsideTransaction(transaction);
    const connection = await transaction.client.acquireConnection();
    return connection.query(text, [...values]);
  },
);

/** knex itself too, which is a function: its first statement says that it is no transaction. */
function isKnex(given: unknown): boolean {
  return hasMethods((given as Partial<KnexTransaction> | null | undefined)?.client, 'acquireConnection');
}

/** Without a transaction, or after its end, the connection would be another's. */
function refuseOutsideTransaction(transaction: KnexTransaction): void {
  if (transaction.isTransaction === true && !transaction.isCompleted()) return;
  throw new LedgerError('transaction_isolation', 'fromKnex() needs a transaction of knex that has not ended');
}
