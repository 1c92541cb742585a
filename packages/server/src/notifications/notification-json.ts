import { z } from '@hono/zod-openapi';
import { EXAMPLE_IDS, EXAMPLE_TIME, IdField, MinorUnitsField, NextCursorField, TimeField } from '../http/fields.js';
import { isoTime } from '../http/iso-time.js';
import { NOTIFICATION_TYPES, type NotificationData, type SignInData } from './notice.js';
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

const SignInSchema = z
  .object({
    device: z.string().nullable().openapi({ description: 'What the program said of itself' }),
    network: z.string().openapi({ description: 'An IPv4 address, or the first half of an IPv6 address' }),
  })
  .openapi('NotifiedSignIn');

export const NotificationSchema = z
  .object({
    id: IdField,
    type: z.enum(NOTIFICATION_TYPES).openapi('NotificationType'),
    title: z.string().openapi({ description: 'In the language of your preferences, as `text` is' }),
    text: z.string(),
    movement: MovementSchema.nullable().openapi({ description: 'Null for `new_device`' }),
    signIn: SignInSchema.nullable().openapi({ description: 'Of `new_device`; else null' }),
    happenedAt: TimeField,
    readAt: TimeField.nullable().openapi({ description: 'Null while it is unread' }),
  })
  .openapi('Notification', { description: 'Something that happened to your money or your account; kept for 90 days' });

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
  signIn: null,
  happenedAt: EXAMPLE_TIME,
  readAt: null,
};

export function notificationJson(
  row: NotificationRow,
  { title, text }: NotificationText,
): z.input<typeof NotificationSchema> {
  const { id, type, happened_at, read_at } = row;
  return {
    id,
    type,
    title,
    text,
    movement: row.type === 'new_device' ? null : movementJson(row.data),
    signIn: row.type === 'new_device' ? signInJson(row.data) : null,
    happenedAt: isoTime(happened_at),
    readAt: read_at === null ? null : isoTime(read_at),
  };
}

function movementJson({ transfer, hold, wallet, walletName, amount, currency, direction }: NotificationData) {
  return { transferId: transfer, holdId: hold ?? null, wallet, walletName, amount, currency, direction };
}

function signInJson({ device, network }: SignInData) {
  return { device: device === '' ? null : device, network };
}
