import type { Database } from '../../database/connect.js';
import type { User } from '../../users/user.js';
import { lockUser } from '../../users/users.js';
import type { AuthServices } from '../auth-services.js';
import { recoveryCodeUsed, wrongCodes } from '../notices.js';
import type { Client, Tokens } from '../sessions.js';
import { challengeInvalid, findLoginChallenge, removeLoginChallenge } from './login-challenge.js';
import { countRecoveryCodes } from './recovery-codes.js';
import type { FactorOwner } from './second-factor.js';
import { codeWrong, useCode } from './use-code.js';
import { countWrongCode, forgetWrongCodes, refuseWhileWaiting, WRONG_CODES_FREE } from './wrong-codes.js';

type CompletionServices = Pick<AuthServices, 'database' | 'ledger' | 'sessions' | 'mails'>;

/**
 * Begins the session of a login that was waiting for a second factor, and uses up the challenge and the code, in one database transaction.
 *
 * @throws {ProblemError} `challenge_invalid`, `code_wrong`; `rate_limited` after wrong codes
 */
export async function completeLogin(
  services: CompletionServices,
  { challenge, code, client }: { readonly challenge: string; readonly code: string; readonly client: Client },
): Promise<{ readonly user: User; readonly tokens: Tokens }> {
  const { database, ledger, sessions } = services;
  // Before the lock, so that whoever goes on guessing holds up nobody.
  await refuseWhileWaiting(database, {
    ledger: ledger.name,
    userId: await findLoginChallenge(database, ledger.name, challenge),
  });
  const completed = await database.transaction().execute(async (transaction) => {
    const user = await lockHolder(transaction, ledger.name, challenge);
    const owner = { ledger: ledger.name, userId: user.id };
    await refuseWhileWaiting(transaction, owner);
    const isRight = await tryCode(services, transaction, { owner, user, code });
    // The count of wrong codes has to be committed, so that the refusal comes later.
    if (!isRight) return undefined;
    await removeLoginChallenge(transaction, ledger.name, challenge);
    return { user, tokens: await sessions.begin(transaction, user.id, client) };
  });
  if (completed === undefined) throw codeWrong();
  return completed;
}

/** Locks the user whose login it is. */
async function lockHolder(transaction: Database, ledger: string, challenge: string): Promise<User> {
  const userId = await findLoginChallenge(transaction, ledger, challenge);
  const user = await lockUser(transaction, ledger, userId);
  // Whoever was waited for may have completed it, or replaced the password.
  await findLoginChallenge(transaction, ledger, challenge);
  if (user === undefined) throw challengeInvalid();
  return user;
}

/** Tells the user of a recovery code that was used, and of wrong codes, by which somebody shows that they know the password. */
async function tryCode(
  { mails }: Pick<CompletionServices, 'mails'>,
  transaction: Database,
  { owner, user, code }: { readonly owner: FactorOwner; readonly user: User; readonly code: string },
): Promise<boolean> {
  const method = await useCode(transaction, owner, code);
  if (method === undefined) {
    const count = await countWrongCode(transaction, owner);
    if (count === WRONG_CODES_FREE && user.email !== null)
      await mails.add(transaction, wrongCodes(user.id, user.email));
    return false;
  }
  await forgetWrongCodes(transaction, owner);
  if (method === 'recovery_code' && user.email !== null) {
    const left = await countRecoveryCodes(transaction, owner);
    await mails.add(transaction, recoveryCodeUsed(user.id, user.email, left));
  }
  return true;
}
