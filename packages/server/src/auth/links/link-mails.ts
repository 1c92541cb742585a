import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';
import type { UserId } from '../../identity/user-id.js';
import type { MailText, WaitingMail, WriteMail } from '../../mail/mail-kind.js';
import type { User } from '../../users/user.js';
import { findUserByEmail, lockUser } from '../../users/users.js';
import { type LinkPurpose, makeLinkToken } from './link-token.js';

const RESET_MINUTES = 60;
const VERIFICATION_MINUTES = 24 * 60;

/** How the mail of a purpose is written. */
interface LinkMail {
  readonly purpose: LinkPurpose;
  /** Of the application's page, which is opened with the secret behind a `#`: that part is sent to no server. */
  readonly page: string;
  readonly lifetimeMinutes: number;
  readonly subject: string;
  readonly lines: (link: string) => readonly string[];
}

const PASSWORD_RESET: LinkMail = {
  purpose: 'password_reset',
  page: '/reset-password',
  lifetimeMinutes: RESET_MINUTES,
  subject: 'Reset your password',
  lines: (link) => [
    'Somebody, probably you, asked for a new password for your account. To choose one, open this link within an hour:',
    link,
    'If it was not you, do nothing: your password stays as it is.',
  ],
};

const EMAIL_VERIFICATION: LinkMail = {
  purpose: 'email_verification',
  page: '/verify-email',
  lifetimeMinutes: VERIFICATION_MINUTES,
  subject: 'Confirm your email',
  lines: (link) => [
    'Please confirm that this is your email. Open this link within a day:',
    link,
    'If you have not registered, do nothing.',
  ],
};

type LinkedUser = User & { readonly passwordHash: string | null };

const EMAIL_CHANGE: LinkMail = {
  purpose: 'email_change',
  page: '/confirm-email',
  lifetimeMinutes: VERIFICATION_MINUTES,
  subject: 'Confirm your new email',
  lines: (link) => [
    'Somebody, probably you, wants to use this email for their account. To confirm it, open this link within a day:',
    link,
    'If it was not you, do nothing: nothing changes.',
  ],
};

/** Writes the mails that bring a link to a user. */
export function createLinkMails({
  database,
  ledger,
  publicUrl,
}: {
  readonly database: Database;
  readonly ledger: string;
  readonly publicUrl: string;
}): Readonly<Record<LinkPurpose, WriteMail>> {
  /** To a user whom `isMeant` accepts, if the mail is not too old to be of use. */
  function write(kind: LinkMail, isMeant: (user: LinkedUser, mail: WaitingMail) => boolean): WriteMail {
    return (mail) =>
      database.transaction().execute(async (transaction) => {
        const id = mail.userId ?? (await findUserByEmail(transaction, ledger, mail.to))?.id;
        if (id === undefined || (await isOld(transaction, mail, kind.lifetimeMinutes))) return undefined;
        const user = await lockUser(transaction, ledger, id as UserId);
        if (user === undefined || !isMeant(user, mail) || !(await isWaiting(transaction, ledger, mail)))
          return undefined;
        const holder = { userId: user.id, email: mail.to };
        const { purpose, lifetimeMinutes } = kind;
        const token = await makeLinkToken(transaction, ledger, { mail, holder, purpose, lifetimeMinutes });
        return token === undefined ? undefined : textOf(kind, `${publicUrl}${kind.page}#token=${token}`);
      });
  }

  return {
    // Who signs in with another issuer has no password: a mailbox must not open what the issuer guards.
    password_reset: write(PASSWORD_RESET, ({ email, passwordHash }, { to }) => email === to && passwordHash !== null),
    email_verification: write(
      EMAIL_VERIFICATION,
      ({ email, emailVerifiedAt }, { to }) => email === to && emailVerifiedAt === null,
    ),
    email_change: write(EMAIL_CHANGE, ({ email }, { to }) => email !== to),
  };
}

function textOf({ subject, lines }: LinkMail, link: string): MailText {
  return { subject, text: lines(link).join('\n\n') };
}

/** False for a mail that was taken back after this attempt began. Asked under the user's lock, which whoever takes it back holds. */
async function isWaiting(database: Database, ledger: string, { id }: WaitingMail): Promise<boolean> {
  const row = await database
    .selectFrom('mails')
    .select('id')
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .executeTakeFirst();
  return row !== undefined;
}

/** By the database's clock, which the mail was asked for by. */
async function isOld(database: Database, { createdAt }: WaitingMail, minutes: number): Promise<boolean> {
  const { rows } = await sql<{ old: boolean }>`
    select ${createdAt}::timestamptz + make_interval(mins => ${minutes}) < now() as old`.execute(database);
  return rows[0]?.old === true;
}
