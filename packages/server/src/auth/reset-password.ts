import type { Ledger } from '@micropay/ledger-core';
import type { Database } from '../database/connect.js';
import type { Mails } from '../mail/mail-outbox.js';
import { findUser, setPasswordHash, verifyEmail } from '../users/users.js';
import { findLinkHolder, removeLinks, takeLink } from './links/link-token.js';
import { passwordChanged, secondFactorsRemovedByReset } from './notices.js';
import type { Passwords } from './passwords/password.js';
import { refuseWeakPassword } from './passwords/refuse-weak-password.js';
import type { FactorOwner } from './second-factor/second-factor.js';
import { endBegun, eraseSecondFactors, listSecondFactors } from './second-factor/second-factor-store.js';
import type { Sessions } from './sessions.js';

/**
 * Sets the new password of whoever opened the link, ends all their sessions, begun logins and links, and tells them by mail, in one database transaction. Who
 * read the mail has proved that the email is theirs, and no more: second factors stay. If nobody has proved that before, they go: a stranger may have
 * registered with this email, and would keep its owner out.
 *
 * @throws {ProblemError} `link_invalid`; `password_weak`, and then the link still works
 * @throws {LedgerError} `overloaded`
 */
export async function resetPassword(
  {
    database,
    ledger,
    passwords,
    sessions,
    mails,
  }: {
    readonly database: Database;
    readonly ledger: Pick<Ledger, 'name'>;
    readonly passwords: Passwords;
    readonly sessions: Sessions;
    readonly mails: Mails;
  },
  { token, password }: { readonly token: string; readonly password: string },
): Promise<void> {
  // Before the hash: guesses cost no more than a look-up.
  const { email } = await findLinkHolder(database, ledger.name, 'password_reset', token);
  refuseWeakPassword(password, email);
  const refuseEnded = await passwords.use(async ({ hash }) => {
    const passwordHash = await hash(password);
    return database.transaction().execute(async (transaction) => {
      const { userId } = await takeLink(transaction, ledger.name, 'password_reset', token);
      const before = await findUser(transaction, ledger.name, userId);
      await verifyEmail(transaction, ledger.name, { userId, email });
      await setPasswordHash(transaction, ledger.name, userId, passwordHash);
      await removeLinks(transaction, ledger.name, userId);
      const owner = { ledger: ledger.name, userId };
      if (before?.emailVerifiedAt === null) await eraseUnproven({ mails }, transaction, { owner, email });
      else await endBegun(transaction, owner);
      await mails.add(transaction, passwordChanged(userId, email));
      return sessions.endAll(transaction, userId);
    });
  });
  refuseEnded();
}

/** Removes the second factors of whoever used the email before its owner came. If that was the owner, a mail says so. */
async function eraseUnproven(
  { mails }: { readonly mails: Mails },
  transaction: Database,
  { owner, email }: { readonly owner: FactorOwner; readonly email: string },
): Promise<void> {
  const hadFactors = (await listSecondFactors(transaction, owner)).length > 0;
  await eraseSecondFactors(transaction, owner);
  if (hadFactors) await mails.add(transaction, secondFactorsRemovedByReset(owner.userId, email));
}
