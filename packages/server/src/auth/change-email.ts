import type { Ledger } from '@micropay/ledger-core';
import type { Database } from '../database/connect.js';
import { violates } from '../database/violates.js';
import { ProblemError } from '../errors/problem.js';
import type { Mails } from '../mail/mail-outbox.js';
import { changeEmail, findUser } from '../users/users.js';
import { removeLinks, takeLink } from './links/link-token.js';
import { emailChanged } from './notices.js';

/**
 * Gives the user who opened the link the email that it was sent to, and tells the former one. The links that went there end.
 *
 * @throws {ProblemError} `link_invalid`; `email_taken`, which whoever reads the mails of this email may know
 */
export async function confirmNewEmail(
  { database, ledger, mails }: { database: Database; ledger: Pick<Ledger, 'name'>; mails: Mails },
  token: string,
): Promise<void> {
  await database
    .transaction()
    .execute(async (transaction) => {
      const { userId, email } = await takeLink(transaction, ledger.name, 'email_change', token);
      const former = await findUser(transaction, ledger.name, userId);
      if (former === undefined || !(await changeEmail(transaction, ledger.name, { userId, email }))) throw emailTaken();
      await removeLinks(transaction, ledger.name, userId);
      if (former.email !== null) await mails.add(transaction, emailChanged(userId, former.email));
    })
    .catch((error: unknown) => {
      // Somebody else took it between the look-up and the change.
      throw violates(error, 'users_email_unique') ? emailTaken() : error;
    });
}

function emailTaken(): ProblemError {
  return new ProblemError('email_taken', 'this email is registered by now');
}
