import { CompiledQuery } from 'kysely';
import { objectWith } from '../domain/input/arguments.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { createFrom } from './create-from.js';

/** The part of a kysely transaction that the ledger uses, in any version of kysely. */
interface KyselyTransaction {
  executeQuery(query: object): Promise<{ readonly rows: unknown[] }>;
  withoutPlugins(): KyselyTransaction;
}

/**
 * Lets the ledger work in this kysely transaction. A transaction always has the same adapter, which
 * runs one piece of work at a time.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function fromKysely(transaction: KyselyTransaction): TransactionAdapter {
  return from(transaction);
}

const from = createFrom<KyselyTransaction>(
  objectWith('a transaction of kysely', 'executeQuery', 'withoutPlugins'),
  (transaction) => {
    // A plugin may rename what the ledger reads: CamelCasePlugin does.
    const plain = transaction.withoutPlugins();
    return async (text, values) => {
      const { rows } = await plain.executeQuery(CompiledQuery.raw(text, [...values]));
      return { rows: rows as Record<string, unknown>[] };
    };
  },
);
