import { z } from '@hono/zod-openapi';
import { EXAMPLE_IDS, EXAMPLE_TIME, IdField, MinorUnitsField, NextCursorField, TimeField } from '../http/fields.js';
import { isoTime } from '../http/iso-time.js';
import { NOTIFICATION_TYPES, type NotificationData } from './notice.js';
import { type NotificationRow, UNREAD_MAX } from './notification-store.js';
import type { NotificationText } from './texts/texts.js';

const MovementSchema = z
  .object({
    transferId: IdField.openapi({ description: 'The transfer, or the hold that was placed' }),
    holdId: IdField.nullable().openapi({ description: 'Null where no hold is concerned' }),
    wallet: IdField,
    walletName: z.string(),
    amount: MinorUnitsField.openapi({ description: 'In minor units; of `low_balance` the settled balance' }),
    currency: z.string(),
    direction: z.enum(['in', 'out']).openapi({ description: 'Whether it concerns money that comes or that goes' }),
  })
  .openapi('NotifiedMovement');

export const NotificationSchema = z
  .object({
    id: IdField,
    type: z.enum(NOTIFICATION_TYPES).openapi('NotificationType'),
    title: z.string().openapi({ description: 'In the language of your preferences, as `text` is' }),
    text: z.string(),
    movement: MovementSchema,
    happenedAt: TimeField,
    readAt: TimeField.nullable().openapi({ description: 'Null while it is unread' }),
  })
  .openapi('Notification', { description: 'Something that happened to your money; kept for 90 days' });

export const NotificationPageSchema = z
  .object({
    data: z.array(NotificationSchema),
    nextCursor: NextCursorField,
    unreadCount: z.int().openapi({ description: `Of all your notifications; ${UNREAD_MAX} is that many or more` }),
  })
  .openapi('NotificationPage');

export const ReadNotificationsSchema = z
  .object({
    count: z.int().openapi({ description: 'Notifications that were unread' }),
    unreadCount: z.int().openapi({ description: 'What is unread now: repeat the request while it is not 0' }),
  })
  .openapi('ReadNotifications');

export const EXAMPLE_NOTIFICATION: z.input<typeof NotificationSchema> = {
  id: '3c1a7d52-9f4b-8e06-8b2d-7a5c0e9f1d34',
  type: 'money_in',
  title: 'You received $12.50',
  text: '$12.50 arrived in your wallet "usd".',
  movement: {
    transferId: EXAMPLE_IDS.transfer,
    holdId: null,
    wallet: EXAMPLE_IDS.wallet,
    walletName: 'usd',
    amount: '1250',
    currency: 'USD',
    direction: 'in',
  },
  happenedAt: EXAMPLE_TIME,
  readAt: null,
};

export function notificationJson(
  { id, type, data, happened_at, read_at }: NotificationRow,
  { title, text }: NotificationText,
): z.input<typeof NotificationSchema> {
  return {
    id,
    type,
    title,
    text,
    movement: movementJson(data),
    happenedAt: isoTime(happened_at),
    readAt: read_at === null ? null : isoTime(read_at),
  };
}

function movementJson({ transfer, hold, wallet, walletName, amount, currency, direction }: NotificationData) {
  return { transferId: transfer, holdId: hold ?? null, wallet, walletName, amount, currency, direction };
}
