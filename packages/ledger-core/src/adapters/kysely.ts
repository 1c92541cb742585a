import { CompiledQuery, type Transaction } from 'kysely';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';

const adapters = new WeakMap<object, TransactionAdapter>();

/**
 * Lets the ledger work in this kysely transaction. A transaction always has the same adapter, by which
 * the ledger keeps its work there in turn.
 */
export function fromKysely<Database>(transaction: Transaction<Database>): TransactionAdapter {
  const known = adapters.get(transaction);
  if (known !== undefined) return known;
  const adapter: TransactionAdapter = {
    async executeSql(text, values) {
      const { rows } = await transaction.executeQuery<Record<string, unknown>>(CompiledQuery.raw(text, [...values]));
      return { rows };
    },
  };
  adapters.set(transaction, adapter);
  return adapter;
}
