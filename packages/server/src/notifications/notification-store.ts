import { type Selectable, sql } from 'kysely';
import type { Database } from '../database/connect.js';
import { inSteps } from '../database/in-steps.js';
import type { Tables } from '../database/tables.js';
import { ProblemError } from '../errors/problem.js';
import type { Place } from '../http/page.js';
import type { UserId } from '../identity/user-id.js';
import type { StoredNotice } from './notice.js';

export type NotificationRow = Pick<Selectable<Tables['notifications']>, 'id' | 'happened_at' | 'read_at'> &
  StoredNotice;

/** The inboxes of a ledger's users. */
export interface NotificationStore {
  /** The newest first. */
  list(
    userId: UserId,
    page: { readonly isUnread: boolean; readonly after: Place | undefined; readonly limit: number },
  ): Promise<readonly NotificationRow[]>;
  /** Counts no further than `UNREAD_MAX`. */
  countUnread(userId: UserId): Promise<number>;
  /** Keeps the time of the first call. @throws {ProblemError} `notification_not_found` */
  markRead(userId: UserId, id: string): Promise<NotificationRow>;
  /** At most `READ_AT_ONCE_MAX`, the newest first. Returns how many. */
  markAllRead(userId: UserId): Promise<number>;
  removeOld(keptDays: number): Promise<void>;
}

export const UNREAD_MAX = 100;
export const READ_AT_ONCE_MAX = 5_000;
const REMOVED_AT_ONCE = 5_000;

const COLUMNS = ['id', 'happened_at', 'read_at', 'type', 'data'] as const;

export function createNotificationStore(database: Database, ledger: string): NotificationStore {
  const inbox = (userId: UserId) =>
    database
      .selectFrom('notifications')
      .where('ledger', '=', ledger)
      .where('user_id', '=', userId)
      .where('in_inbox', '=', true);

  return {
    list(userId, { isUnread, after, limit }) {
      let page = inbox(userId).select(COLUMNS).orderBy('happened_at', 'desc').orderBy('id', 'desc').limit(limit);
      if (isUnread) page = page.where('read_at', 'is', null);
      if (after !== undefined) {
        page = page.where(sql<boolean>`(happened_at, id) < (${after.at}::timestamptz, ${after.id}::uuid)`);
      }
      return page.execute() as Promise<readonly unknown[]> as Promise<readonly NotificationRow[]>;
    },
    async countUnread(userId) {
      const unread = inbox(userId).select('id').where('read_at', 'is', null).limit(UNREAD_MAX);
      const { count } = await database
        .selectFrom(unread.as('unread'))
        .select(sql<number>`count(*)::int`.as('count'))
        .executeTakeFirstOrThrow();
      return count;
    },
    async markRead(userId, id) {
      const row = await database
        .updateTable('notifications')
        .set({ read_at: sql<Date>`coalesce(read_at, now())` })
        .where('ledger', '=', ledger)
        .where('user_id', '=', userId)
        .where('id', '=', id)
        .where('in_inbox', '=', true)
        .returning(COLUMNS)
        .executeTakeFirst();
      if (row === undefined) throw notificationMissing();
      return row as unknown as NotificationRow;
    },
    async markAllRead(userId) {
      const unread = inbox(userId)
        .select('id')
        .where('read_at', 'is', null)
        .orderBy('happened_at', 'desc')
        .orderBy('id', 'desc')
        .limit(READ_AT_ONCE_MAX)
        .forUpdate();
      const { numUpdatedRows } = await database
        .updateTable('notifications')
        .set({ read_at: sql<Date>`now()` })
        .where('ledger', '=', ledger)
        .where('id', 'in', unread)
        .where('read_at', 'is', null)
        .executeTakeFirst();
      return Number(numUpdatedRows);
    },
    async removeOld(keptDays) {
      const old = database
        .selectFrom('notifications')
        .select('id')
        .where('ledger', '=', ledger)
        .where('created_at', '<', sql<Date>`now() - make_interval(days => ${keptDays})`)
        .limit(REMOVED_AT_ONCE);
      await inSteps(REMOVED_AT_ONCE, () =>
        database.deleteFrom('notifications').where('ledger', '=', ledger).where('id', 'in', old).executeTakeFirst(),
      );
    },
  };
}

export function notificationMissing(): ProblemError {
  return new ProblemError('notification_not_found', 'you have no notification with this id, or no longer');
}
