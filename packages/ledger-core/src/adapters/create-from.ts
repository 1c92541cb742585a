import { type Check, elementsOf, invalidArgument } from '../domain/input/arguments.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { oneAtATime } from './one-at-a-time.js';

/**
 * Makes the function that turns a client library's transaction into an adapter. A transaction always has the same
 * adapter, which runs one piece of work at a time.
 */
export function createFrom<Transaction extends object>(
  check: Check<Transaction>,
  toExecute: (transaction: Transaction) => TransactionAdapter['executeSql'],
): (transaction: Transaction) => TransactionAdapter {
  const adapters = new WeakMap<Transaction, TransactionAdapter>();
  return (given) => {
    const transaction = check(given, 'transaction');
    const known = adapters.get(transaction);
    if (known !== undefined) return known;
    const { executeSql: execute } = oneAtATime({ executeSql: toExecute(transaction) });
    const adapter: TransactionAdapter = {
      async executeSql(text, values) {
        if (typeof text !== 'string' || text === '') throw invalidArgument('text', 'must be a statement of SQL');
        return execute(text, elementsOf(values, 'values'));
      },
    };
    adapters.set(transaction, adapter);
    return adapter;
  };
}
