import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import type { UserId } from '../../identity/user-id.js';
import type { WaitingMail } from '../../mail/mail-kind.js';
import { lockUser } from '../../users/users.js';
import { hashSecret, newSecret } from '../secret.js';

/** What opening the link of a mail is for. */
export type LinkPurpose = 'password_reset' | 'email_verification' | 'email_change';

/** Of a link that was opened: whose it was, and the email that its mail went to. */
export interface LinkHolder {
  readonly userId: UserId;
  readonly email: string;
}

const TOKEN_PREFIX = 'mpl_';
/** Two mails of one purpose to one email in less time are one: the first link still works, and nobody's inbox is flooded. */
const PAUSE = sql`interval '1 minute'`;

/**
 * Makes the secret of a mail's link, which works once. Links of earlier mails with this purpose end; undefined if a later mail
 * has been sent already, or another one just before. The caller has locked the user's row.
 */
export async function makeLinkToken(
  transaction: Database,
  ledger: string,
  link: {
    readonly mail: WaitingMail;
    readonly holder: LinkHolder;
    readonly purpose: LinkPurpose;
    readonly lifetimeMinutes: number;
  },
): Promise<string | undefined> {
  const { mail, holder, purpose, lifetimeMinutes } = link;
  const others = transaction
    .selectFrom('link_tokens')
    .select('mail_id')
    .where('ledger', '=', ledger)
    .where('user_id', '=', holder.userId)
    .where('purpose', '=', purpose)
    .where('mail_id', '!=', mail.id)
    .where('expires_at', '>', sql<Date>`now()`)
    .where(({ or, and, eb }) =>
      or([
        eb('asked_at', '>', mail.createdAt),
        and([
          eb('email', '=', holder.email),
          eb('asked_at', '>', sql<Date>`${mail.createdAt}::timestamptz - ${PAUSE}`),
        ]),
      ]),
    );
  if ((await others.executeTakeFirst()) !== undefined) return undefined;
  await transaction
    .deleteFrom('link_tokens')
    .where('ledger', '=', ledger)
    .where('user_id', '=', holder.userId)
    .where('purpose', '=', purpose)
    .where('mail_id', '!=', mail.id)
    .execute();
  const token = newSecret(TOKEN_PREFIX);
  await transaction
    .insertInto('link_tokens')
    .values({
      ledger,
      token_hash: hashSecret(token),
      user_id: holder.userId,
      purpose,
      email: holder.email,
      mail_id: mail.id,
      asked_at: mail.createdAt,
      expires_at: sql<Date>`now() + make_interval(mins => ${lifetimeMinutes})`,
    })
    .execute();
  return token;
}

/**
 * Whose link this is, without using it up.
 *
 * @throws {ProblemError} `link_invalid`
 */
export async function findLinkHolder(
  database: Database,
  ledger: string,
  purpose: LinkPurpose,
  token: string,
): Promise<LinkHolder> {
  const row = await database
    .selectFrom('link_tokens')
    .select(['user_id as userId', 'email'])
    .where('ledger', '=', ledger)
    .where('token_hash', '=', hashSecret(token))
    .where('purpose', '=', purpose)
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst();
  return found(row);
}

/**
 * Uses up a link, and with it all others of its user and purpose. Locks the user's row, as whatever makes a link does.
 *
 * @throws {ProblemError} `link_invalid`, also for a link that another request has just used
 */
export async function takeLink(
  transaction: Database,
  ledger: string,
  purpose: LinkPurpose,
  token: string,
): Promise<LinkHolder> {
  const { userId } = await findLinkHolder(transaction, ledger, purpose, token);
  await lockUser(transaction, ledger, userId);
  // What waited for the lock must see what its holder has used up.
  const holder = await findLinkHolder(transaction, ledger, purpose, token);
  await transaction
    .deleteFrom('link_tokens')
    .where('ledger', '=', ledger)
    .where('user_id', '=', holder.userId)
    .where('purpose', '=', purpose)
    .execute();
  return holder;
}

/** Ends every link of a user. */
export async function removeLinks(transaction: Database, ledger: string, userId: UserId): Promise<void> {
  await transaction.deleteFrom('link_tokens').where('ledger', '=', ledger).where('user_id', '=', userId).execute();
}

export async function removeExpiredLinks(database: Database, ledger: string): Promise<void> {
  await database
    .deleteFrom('link_tokens')
    .where('ledger', '=', ledger)
    .where('expires_at', '<', sql<Date>`now()`)
    .execute();
}

function found(row: LinkHolder | undefined): LinkHolder {
  if (row === undefined)
    throw new ProblemError('link_invalid', 'the link was used, is too old, or a newer one was sent');
  return row;
}
