import { z } from '@hono/zod-openapi';
import type { Database } from '../../database/connect.js';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, isId, PageQuery } from '../../http/fields.js';
import { cursorToPlace, pageOf, placeIn } from '../../http/page.js';
import { type LedgerServices, route } from '../../http/route.js';
import type { UserId } from '../../identity/user-id.js';
import {
  EXAMPLE_NOTIFICATION,
  NotificationPageSchema,
  NotificationSchema,
  notificationJson,
  ReadNotificationsSchema,
} from '../notification-json.js';
import { type NotificationRow, notificationMissing } from '../notification-store.js';
import type { Notifications } from '../notifications.js';
import { getChosen } from '../preferences/preferences-store.js';
import { textOf } from '../text-of.js';
import type { Language } from '../texts/texts.js';

export interface NotificationServices extends LedgerServices {
  readonly database: Database;
  readonly notifications: Pick<Notifications, 'store' | 'scales'>;
}

const PAGE_LIMIT = 50;

const NotificationsQuery = PageQuery.extend({
  unread: z.enum(['true']).optional().openapi({ description: 'Only what is unread' }),
});

const listEndpoint = {
  operationId: 'listNotifications',
  method: 'get',
  path: '/v1/me/notifications',
  tag: 'Notifications',
  summary: 'List your notifications, the newest first',
  description:
    'What happened to your money and your account in the last 90 days, of the types that your preferences put into the inbox. Of your money there is nothing while the server has `NOTIFICATIONS=off`.',
  access: 'user',
  query: NotificationsQuery,
  answer: {
    status: 200,
    description: 'A page of notifications',
    content: {
      schema: NotificationPageSchema,
      example: { data: [EXAMPLE_NOTIFICATION], nextCursor: null, unreadCount: 1 },
    },
  },
  refusals: ['invalid_cursor'],
} as const satisfies Endpoint;

const readEndpoint = {
  operationId: 'readNotification',
  method: 'post',
  path: '/v1/me/notifications/{id}/read',
  tag: 'Notifications',
  summary: 'Mark a notification as read',
  access: 'user',
  params: IdParams,
  answer: {
    status: 200,
    description: 'The notification; one that was read keeps its time',
    content: {
      schema: NotificationSchema,
      example: { ...EXAMPLE_NOTIFICATION, readAt: EXAMPLE_NOTIFICATION.happenedAt },
    },
  },
  refusals: ['notification_not_found'],
} as const satisfies Endpoint;

const readAllEndpoint = {
  operationId: 'readAllNotifications',
  method: 'post',
  path: '/v1/me/notifications/read-all',
  tag: 'Notifications',
  summary: 'Mark all your notifications as read',
  description: 'At most 5,000 in one request.',
  access: 'user',
  answer: {
    status: 200,
    description: 'How many were unread',
    content: { schema: ReadNotificationsSchema, example: { count: 3, unreadCount: 0 } },
  },
  refusals: [],
} as const satisfies Endpoint;

export const listNotificationsRoute = route(
  listEndpoint,
  ({ notifications, database, ledger }: NotificationServices) =>
    async ({ principal: { id }, query: { limit = PAGE_LIMIT, cursor, unread } }) => {
      const owner = `${ledger.name}:${id}`;
      const after = cursor === undefined ? undefined : placeIn(owner, cursor);
      const { language } = await getChosen(database, ledger.name, id);
      const page = { isUnread: unread === 'true', after, limit: limit + 1 };
      const rows = await notifications.store.list(id, page);
      const { data, nextCursor } = pageOf(rows, limit, ({ happened_at: at, id: last }) =>
        cursorToPlace(owner, { at, id: last }),
      );
      return {
        body: {
          data: await Promise.all(data.map((row) => written(notifications, language, row))),
          nextCursor,
          unreadCount: await notifications.store.countUnread(id),
        },
      };
    },
);

export const readNotificationRoute = route(
  readEndpoint,
  ({ notifications, database, ledger }: NotificationServices) =>
    async ({ principal, params: { id } }) => {
      if (!isId(id)) throw notificationMissing();
      const { language } = await getChosen(database, ledger.name, principal.id);
      return { body: await written(notifications, language, await notifications.store.markRead(principal.id, id)) };
    },
);

export const readAllNotificationsRoute = route(
  readAllEndpoint,
  ({ notifications: { store } }: NotificationServices) =>
    async ({ principal: { id } }: { principal: { id: UserId } }) => {
      const count = await store.markAllRead(id);
      return { body: { count, unreadCount: await store.countUnread(id) } };
    },
);

async function written({ scales }: Pick<Notifications, 'scales'>, language: Language, row: NotificationRow) {
  return notificationJson(row, await textOf({ scales }, language, row));
}
