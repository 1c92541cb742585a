import type { Database } from '../database/connect.js';
import { ProblemError } from '../errors/problem.js';
import { lockUser, setPasswordHash } from '../users/users.js';
import type { AuthServices } from './auth-services.js';
import type { ProvenUser } from './check-own-password.js';
import { removeLinks } from './links/link-token.js';
import { passwordChanged } from './notices.js';
import { endBegun } from './second-factor/second-factor-store.js';

/**
 * Replaces the password of a user who has just proved to know it. Ends their other sessions, the logins that wait for a
 * second factor, the second factors that do not count yet and every link that was sent to them, and sends a notice, in one database transaction.
 *
 * @throws {ProblemError} `password_wrong` if another request has changed it meanwhile
 */
export async function changePassword(
  { database, ledger, sessions, mails }: Pick<AuthServices, 'database' | 'ledger' | 'sessions' | 'mails'>,
  { user, passwordHash, sessionId }: { user: ProvenUser; passwordHash: string; sessionId: string },
): Promise<void> {
  const refuseEnded = await database.transaction().execute(async (transaction) => {
    await lockUnchanged(transaction, ledger.name, user);
    await setPasswordHash(transaction, ledger.name, user.id, passwordHash);
    await removeLinks(transaction, ledger.name, user.id);
    await endBegun(transaction, { ledger: ledger.name, userId: user.id });
    await mails.add(transaction, passwordChanged(user.id, user.email));
    return sessions.endAll(transaction, user.id, sessionId);
  });
  refuseEnded();
}

/**
 * Locks a user who still has the password that was proved.
 *
 * @throws {ProblemError} `password_wrong`
 */
export async function lockUnchanged(transaction: Database, ledger: string, user: ProvenUser): Promise<void> {
  const locked = await lockUser(transaction, ledger, user.id);
  if (locked?.passwordHash === user.passwordHash) return;
  throw new ProblemError('password_wrong', 'the password was changed a moment ago');
}
