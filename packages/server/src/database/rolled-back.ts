import type { Transaction } from 'kysely';
import type { Database } from './connect.js';
import type { Tables } from './tables.js';

/** Does work in a database transaction that ends without a trace, and answers its result. */
export async function rolledBack<Result>(
  database: Database,
  work: (transaction: Transaction<Tables>) => Promise<Result>,
): Promise<Result> {
  const transaction = await database.startTransaction().execute();
  try {
    return await work(transaction);
  } finally {
    await transaction.rollback().execute();
  }
}
