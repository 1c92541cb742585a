import type { Transaction } from 'kysely';
import type { Database } from './connect.js';
import type { Tables } from './tables.js';

/** Runs work in a database transaction that is rolled back, and returns its result. */
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
