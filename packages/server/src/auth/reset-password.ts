import type { Ledger } from '@micropay/ledger-core';
import type { Database } from '../database/connect.js';
import type { Mails } from '../mail/mail-outbox.js';
import { setPasswordHash, verifyEmail } from '../users/users.js';
import { findLinkHolder, takeLink } from './links/link-token.js';
import { passwordChanged } from './notices.js';
import type { Passwords } from './passwords/password.js';
import type { Sessions } from './sessions.js';

/**
 * Sets the new password of whoever opened the link, ends all their sessions and tells them by mail, in one database transaction. Who
 * read the mail has proved that the email is theirs.
 *
 * @throws {ProblemError} `link_invalid`
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
  await findLinkHolder(database, ledger.name, 'password_reset', token);
  const refuseEnded = await passwords.use(async ({ hash }) => {
    const passwordHash = await hash(password);
    return database.transaction().execute(async (transaction) => {
      const { userId, email } = await takeLink(transaction, ledger.name, 'password_reset', token);
      await verifyEmail(transaction, ledger.name, { userId, email });
      await setPasswordHash(transaction, ledger.name, userId, passwordHash);
      await mails.add(transaction, passwordChanged(userId, email));
      return sessions.endAll(transaction, userId);
    });
  });
  refuseEnded();
}
