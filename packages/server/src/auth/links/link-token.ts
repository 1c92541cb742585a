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

/** Of one purpose, to one user. Each of them brings a link that works, so that a stranger who asks for them all keeps nobody out. */
const MAILS_PER_HOUR_MAX = 5;

/**
 * Makes the secret of a mail's link, which works once, and with it those of earlier mails; undefined if a later mail has been sent
 * already, another one just before, or several within the hour. The caller has locked the user's row.
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
  if ((await countMails(transaction, ledger, link)) >= MAILS_PER_HOUR_MAX) return undefined;
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

/** Mails that brought a link for this purpose lately, but for this one. */
async function countMails(
  transaction: Database,
  ledger: string,
  { mail, holder, purpose }: { readonly mail: WaitingMail; readonly holder: LinkHolder; readonly purpose: LinkPurpose },
): Promise<number> {
  const { count } = await transaction
    .selectFrom('link_tokens')
    .select(sql<number>`count(distinct mail_id)::int`.as('count'))
    .where('ledger', '=', ledger)
    .where('user_id', '=', holder.userId)
    .where('purpose', '=', purpose)
    .where('mail_id', '!=', mail.id)
    .where('asked_at', '>', sql<Date>`${mail.createdAt}::timestamptz - interval '1 hour'`)
    .executeTakeFirstOrThrow();
  return count;
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

/**
 * Ends every link of a user, and takes back the mail that would bring one to a new email: whoever asked for it may have been a
 * stranger who knew the password. The caller has locked the user's row.
 */
export async function removeLinks(transaction: Database, ledger: string, userId: UserId): Promise<void> {
  await transaction.deleteFrom('link_tokens').where('ledger', '=', ledger).where('user_id', '=', userId).execute();
  await transaction
    .deleteFrom('mails')
    .where('ledger', '=', ledger)
    .where('user_id', '=', userId)
    .where('kind', '=', 'email_change' satisfies LinkPurpose)
    .execute();
}

export async function removeExpiredLinks(database: Database, ledger: string): Promise<void> {
  await database
    .deleteFrom('link_tokens')
    .where('ledger', '=', ledger)
    .where('expires_at', '<', sql<Date>`now()`)
    .execute();
}

function found(row: LinkHolder | undefined): LinkHolder {
  if (row === undefined) throw new ProblemError('link_invalid', 'the link was used or is too old');
  return row;
}
