import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import type { UserId } from '../../identity/user-id.js';
import { hashSecret, newSecret } from '../secret.js';
import type { FactorOwner } from './second-factor.js';

export const CHALLENGE_LIFETIME_S = 300;
const CHALLENGE_PREFIX = 'mpc_';

/**
 * Begins a login that a second factor completes: its holder has proved to know the password of this user, and nothing else. The caller has locked
 * the user's row.
 */
export async function beginLoginChallenge(transaction: Database, { ledger, userId }: FactorOwner): Promise<string> {
  const challenge = newSecret(CHALLENGE_PREFIX);
  await transaction
    .insertInto('login_challenges')
    .values({
      ledger,
      token_hash: hashSecret(challenge),
      user_id: userId,
      expires_at: sql<Date>`now() + make_interval(secs => ${CHALLENGE_LIFETIME_S})`,
    })
    .execute();
  return challenge;
}

/**
 * Whose login this is.
 *
 * @throws {ProblemError} `challenge_invalid`
 */
export async function findLoginChallenge(database: Database, ledger: string, challenge: string): Promise<UserId> {
  const row = await database
    .selectFrom('login_challenges')
    .select('user_id')
    .where('ledger', '=', ledger)
    .where('token_hash', '=', hashSecret(challenge))
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst();
  if (row === undefined) throw challengeInvalid();
  return row.user_id;
}

export async function removeLoginChallenge(transaction: Database, ledger: string, challenge: string): Promise<void> {
  await transaction
    .deleteFrom('login_challenges')
    .where('ledger', '=', ledger)
    .where('token_hash', '=', hashSecret(challenge))
    .execute();
}

/** Ends the logins of a user that a second factor has not completed. */
export async function removeLoginChallenges(transaction: Database, { ledger, userId }: FactorOwner): Promise<void> {
  await transaction.deleteFrom('login_challenges').where('ledger', '=', ledger).where('user_id', '=', userId).execute();
}

export async function removeExpiredChallenges(database: Database, ledger: string): Promise<void> {
  await database
    .deleteFrom('login_challenges')
    .where('ledger', '=', ledger)
    .where('expires_at', '<', sql<Date>`now()`)
    .execute();
}

export function challengeInvalid(): ProblemError {
  return new ProblemError('challenge_invalid', 'the login was completed or is too old: log in again');
}
