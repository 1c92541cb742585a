import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import type { FactorOwner } from './second-factor.js';

/** Wrong codes in a row after which the next one has to wait. */
export const WRONG_CODES_FREE = 5;
const WAIT_MINUTES_MAX = 60;
/** The wait doubles from a minute until the longest. */
const DOUBLINGS_MAX = 6;

/**
 * Bounds how many codes are tried for a user, whatever the network and the process they come from: five, then one after a minute, two
 * minutes, four and so on, and at last one an hour. Three of a million codes are right at a time, so whoever knows the password and guesses for a
 * year finds one with a chance of one in forty. Exact under the lock of the user's row.
 *
 * @throws {ProblemError} `rate_limited`
 */
export async function refuseWhileWaiting(transaction: Database, { ledger, userId }: FactorOwner): Promise<void> {
  const row = await transaction
    .selectFrom('wrong_codes')
    .select(sql<number>`extract(epoch from wait_until - clock_timestamp())::float8`.as('seconds'))
    .where('ledger', '=', ledger)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  const seconds = Math.ceil(row?.seconds ?? 0);
  // A longer wait than the longest is of before the database's clock was set back.
  if (seconds <= 0 || seconds > WAIT_MINUTES_MAX * 60) return;
  throw new ProblemError('rate_limited', `too many wrong codes: wait ${seconds} seconds before the next one`, {
    headers: { 'retry-after': String(seconds) },
  });
}

/** Counts a wrong code. Returns how many there were in a row. */
export async function countWrongCode(transaction: Database, { ledger, userId }: FactorOwner): Promise<number> {
  const { count } = await transaction
    .insertInto('wrong_codes')
    .values({ ledger, user_id: userId, count: 1, wait_until: sql<Date>`clock_timestamp()` })
    .onConflict((conflict) =>
      conflict.columns(['ledger', 'user_id']).doUpdateSet({
        count: sql`wrong_codes.count + 1`,
        wait_until: sql<Date>`clock_timestamp() + make_interval(mins =>
          case when wrong_codes.count + 1 < ${WRONG_CODES_FREE} then 0
          else least(${WAIT_MINUTES_MAX}, 2 ^ least(wrong_codes.count + 1 - ${WRONG_CODES_FREE}, ${DOUBLINGS_MAX}))::int end)`,
      }),
    )
    .returning('count')
    .executeTakeFirstOrThrow();
  return count;
}

/** After a right code. */
export async function forgetWrongCodes(transaction: Database, { ledger, userId }: FactorOwner): Promise<void> {
  await transaction.deleteFrom('wrong_codes').where('ledger', '=', ledger).where('user_id', '=', userId).execute();
}
