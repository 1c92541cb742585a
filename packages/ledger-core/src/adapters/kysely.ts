import { CompiledQuery, type Transaction } from 'kysely';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';

/** Lets the ledger work in this kysely transaction. */
export function fromKysely<Database>(transaction: Transaction<Database>): TransactionAdapter {
  return {
    async executeSql(text, values) {
      const { rows } = await transaction.executeQuery<Record<string, unknown>>(CompiledQuery.raw(text, [...values]));
      return { rows };
    },
  };
}
