import { CompiledQuery } from 'kysely';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';

/** What the ledger needs of a kysely transaction, whichever version of kysely it comes from. */
interface KyselyTransaction {
  executeQuery(query: object): Promise<{ readonly rows: unknown[] }>;
  withoutPlugins(): KyselyTransaction;
}

const adapters = new WeakMap<KyselyTransaction, TransactionAdapter>();

/**
 * Lets the ledger work in this kysely transaction. A transaction always has the same adapter, by which
 * the ledger keeps its work there in turn.
 */
export function fromKysely(transaction: KyselyTransaction): TransactionAdapter {
  const known = adapters.get(transaction);
  if (known !== undefined) return known;
  // A plugin may rename what the ledger reads: CamelCasePlugin does.
  const plain = transaction.withoutPlugins();
  const adapter: TransactionAdapter = {
    async executeSql(text, values) {
      const { rows } = await plain.executeQuery(CompiledQuery.raw(text, [...values]));
      return { rows: rows as Record<string, unknown>[] };
    },
  };
  adapters.set(transaction, adapter);
  return adapter;
}
