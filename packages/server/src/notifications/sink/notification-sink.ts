import type { EventPublisher, LedgerEvent } from '@micropay/ledger-core';
import { sql, type Transaction } from 'kysely';
import type { Database } from '../../database/connect.js';
import type { Tables } from '../../database/tables.js';
import { derivedId } from '../../live/derived-id.js';
import type { Mails, NewMail } from '../../mail/mail-outbox.js';
import type { Notice, NotificationType } from '../notice.js';
import { mailOf } from '../notification-mail.js';
import { type Preferences, preferencesOf } from '../preferences/preferences.js';
import { type Addressee, findAddressees } from '../preferences/preferences-store.js';
import type { Announce } from './announce.js';
import { noticesOf } from './notices-of.js';

/**
 * Further notifications of the hour are in the inbox alone: a thousand small payments are not a thousand mails. Those about money and those about
 * sign-ins each have as many, so that payments keep back no warning of a stranger.
 */
export const MAILS_PER_HOUR = 30;

/** Notices of one event to one user in their columns. */
interface NewRow {
  readonly id: string;
  readonly user_id: string;
  readonly type: string;
  readonly happened_at: string;
  readonly data: Notice['data'];
  readonly in_inbox: boolean;
  readonly mailed: boolean;
}

/**
 * Writes down what each event says to which users. The relay moves its cursor only after this has committed. An id is made of the
 * event's and the user's, and a mail is asked for with a row that is new: whatever is delivered again is neither written nor
 * mailed a second time.
 */
export function createNotificationSink(options: {
  readonly database: Database;
  readonly ledger: string;
  readonly mails: Mails;
  readonly announce: Announce;
  /** Events that are older are left out: what was written of them is gone, and would be taken for new. */
  readonly keptDays: number;
}): EventPublisher {
  const { database, ledger, mails, announce, keptDays } = options;

  async function write(transaction: Transaction<Tables>, told: readonly Told[]): Promise<void> {
    // What is written while an account is being closed would outlast it.
    const addressees = await findAddressees(transaction, ledger, userIdsOf(told), { willWrite: true });
    const sent = await countMails(transaction, { ledger, ids: userIdsOf(told), about: 'money' });
    const rows: NewRow[] = [];
    const mailById = new Map<string, NewMail>();
    for (const { event, notice } of told) {
      const addressee = addressees.get(notice.userId);
      if (addressee === undefined) continue;
      const row = rowOf(event, notice, addressee, { canMail: mails.canSend, mailed: sent.get(addressee.id) ?? 0 });
      if (row === undefined) continue;
      rows.push(row);
      if (!row.mailed || addressee.email === null) continue;
      sent.set(addressee.id, (sent.get(addressee.id) ?? 0) + 1);
      mailById.set(row.id, mailOf(addressee.id, addressee.email, { type: notice.type, data: row.data }));
    }
    if (rows.length === 0) return;
    const written = new Set(await insert(transaction, rows));
    await mails.addAll(
      transaction,
      [...written].flatMap((id) => mailById.get(id) ?? []),
    );
    // Last, as readers of the log wait at an event's position until its transaction ends.
    const news = rows.filter(({ id, in_inbox }) => in_inbox && written.has(id));
    await announce(transaction, [...new Set(news.map(({ user_id }) => user_id))]);
  }

  /** Returns the ids of those that were not there. */
  async function insert(transaction: Transaction<Tables>, rows: readonly NewRow[]): Promise<readonly string[]> {
    const inserted = await transaction
      .insertInto('notifications')
      .columns(['ledger', 'id', 'user_id', 'type', 'happened_at', 'data', 'in_inbox', 'mailed'])
      .expression(
        sql`select ${ledger}, given.* from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given(
          id uuid, user_id uuid, type text, happened_at timestamptz, data jsonb, in_inbox boolean, mailed boolean)
          where given.happened_at > now() - make_interval(days => ${keptDays})`,
      )
      .onConflict((met) => met.doNothing())
      .returning('id')
      .execute();
    return inserted.map(({ id }) => id);
  }

  return {
    async connect() {
      // The database is connected when it is asked.
    },
    async publish(events) {
      const own = events.filter((event) => event.ledger === ledger);
      const told = own.flatMap((event) => noticesOf(event).map((notice) => ({ event, notice })));
      if (told.length > 0) await database.transaction().execute((transaction) => write(transaction, told));
    },
    async close() {
      // Its connections are closed by who opened them.
    },
  };
}

interface Told {
  readonly event: LedgerEvent;
  readonly notice: Notice;
}

function userIdsOf(told: readonly Told[]): readonly string[] {
  return [...new Set(told.map(({ notice }) => notice.userId))];
}

/** Mails of the last hour, by user. */
export async function countMails(
  transaction: Database,
  given: { readonly ledger: string; readonly ids: readonly string[]; readonly about: 'money' | 'sign-ins' },
): Promise<Map<string, number>> {
  const { ledger, ids, about } = given;
  const rows = await transaction
    .selectFrom('notifications')
    .select(['user_id', sql<number>`count(*)::int`.as('count')])
    .where('ledger', '=', ledger)
    .where(sql<boolean>`user_id = any(${[...ids]}::uuid[])`)
    .where('mailed', '=', true)
    .where('type', about === 'money' ? '!=' : '=', 'new_device' satisfies NotificationType)
    .where('created_at', '>', sql<Date>`now() - interval '1 hour'`)
    .groupBy('user_id')
    .execute();
  return new Map(rows.map(({ user_id, count }) => [user_id, count]));
}

/** Undefined for what this user does not want to hear of. */
function rowOf(
  event: LedgerEvent,
  { userId, type, data, balanceBefore }: Notice,
  { email, chosen }: Addressee,
  { canMail, mailed }: { readonly canMail: boolean; readonly mailed: number },
): NewRow | undefined {
  const preferences = preferencesOf(chosen);
  const threshold = thresholdOf(preferences, data.currency);
  if (balanceBefore !== undefined && !isCrossed(threshold, balanceBefore, BigInt(data.amount))) return undefined;
  const channels = preferences.types[type];
  const byMail = channels.mail && canMail && email !== null && mailed < MAILS_PER_HOUR;
  if (!channels.inbox && !byMail) return undefined;
  return {
    id: derivedId(event, userId, type),
    user_id: userId,
    type,
    happened_at: event.time.toISOString(),
    data: balanceBefore === undefined || threshold === undefined ? data : { ...data, threshold },
    in_inbox: channels.inbox,
    mailed: byMail,
  };
}

function thresholdOf({ lowBalances }: Preferences, currency: string): string | undefined {
  return Object.hasOwn(lowBalances, currency) ? lowBalances[currency] : undefined;
}

function isCrossed(threshold: string | undefined, before: bigint, after: bigint): boolean {
  if (threshold === undefined) return false;
  const limit = BigInt(threshold);
  return after < limit && before >= limit;
}
