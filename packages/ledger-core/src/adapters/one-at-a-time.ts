import type { TransactionAdapter } from '../postgres/transaction-adapter.js';

/** Sends each statement when the one before it is answered: `pg` 9 refuses a second one on a connection that is busy. */
export function oneAtATime({ executeSql }: TransactionAdapter): TransactionAdapter {
  let last: Promise<unknown> = Promise.resolve();
  return {
    executeSql(text, values) {
      const result = last.then(() => executeSql(text, values));
      last = result.catch(() => undefined);
      return result;
    },
  };
}
