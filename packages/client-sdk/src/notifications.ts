import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { type Page, type PageOptions, pageOf, rowsOfPages } from './paging.js';
import { result, withAmounts } from './result.js';
import type { CallOptions } from './transport.js';

type Schemas = components['schemas'];
type NotificationJson = Schemas['Notification'];
type MovementJson = NonNullable<NotificationJson['movement']>;
type PreferencesJson = Schemas['NotificationPreferences'];

/** The movement of money that a notification is about; amounts are whole minor units. */
export interface NotifiedMovement extends Readonly<Omit<MovementJson, 'amount'>> {
  /** Of `low_balance` the settled balance. */
  readonly amount: bigint;
}

/** A notification to the user; kept for 90 days. */
export interface Notification extends Readonly<Omit<NotificationJson, 'movement'>> {
  /** Null for `new_device`. */
  readonly movement: NotifiedMovement | null;
}

export interface NotificationPage extends Page<Notification> {
  /** Of all the user's notifications; 100 is that many or more. */
  readonly unreadCount: number;
}

/** How many notifications were unread, and how many are now; 100 is that many or more. */
export type ReadNotifications = Readonly<Schemas['ReadNotifications']>;

export interface NotificationPageOptions extends PageOptions {
  /** Unread ones only. */
  readonly unread?: boolean;
}

/** Which notifications the user gets, where, and in which language. */
export interface NotificationPreferences extends Readonly<Omit<PreferencesJson, 'lowBalances'>> {
  /** By currency, in minor units: a `low_balance` notification is made when a settled balance falls below it. */
  readonly lowBalances: Readonly<Record<string, bigint>>;
}

/** Members that are left out stay as they are. */
export interface ChangeNotificationPreferences
  extends Readonly<Omit<Schemas['ChangeNotificationPreferences'], 'lowBalances'>> {
  /** Null takes a threshold away. */
  readonly lowBalances?: Readonly<Record<string, bigint | null>>;
}

/** The current user's notifications. */
export interface Notifications {
  /** The newest first, fetched page by page: `for await (const notification of …)`. */
  list(options?: NotificationPageOptions): AsyncGenerator<Notification, void, undefined>;
  /** @throws {MicroPayError} `invalid_cursor` */
  listPage(options?: NotificationPageOptions): Promise<NotificationPage>;
  /** Marks one as read. May be repeated. @throws {MicroPayError} `notification_not_found` */
  read(id: string, options?: CallOptions): Promise<Notification>;
  /** Marks 5,000 as read, the newest first. Call it again while `unreadCount` is not 0. */
  readAll(options?: CallOptions): Promise<ReadNotifications>;
  preferences(options?: CallOptions): Promise<NotificationPreferences>;
  changePreferences(changes: ChangeNotificationPreferences, options?: CallOptions): Promise<NotificationPreferences>;
}

export function createNotifications({ routes, send }: Api): Notifications {
  const repeatably = (options?: CallOptions) => ({ fetch: send({ ...options, repeatable: true }) });
  const listPage: Notifications['listPage'] = async ({ signal, unread, ...page } = {}) => {
    const query = { ...page, ...(unread === true ? { unread: 'true' as const } : {}) };
    const answer = routes.GET('/v1/me/notifications', { params: { query }, ...repeatably({ signal }) });
    return bodyOf(answer, pageOf(parseNotification));
  };
  return {
    list: (options = {}) => rowsOfPages(listPage, options),
    listPage,
    read: async (id, options) =>
      bodyOf(
        routes.POST('/v1/me/notifications/{id}/read', { params: { path: { id } }, ...repeatably(options) }),
        parseNotification,
      ),
    readAll: async (options) => bodyOf(routes.POST('/v1/me/notifications/read-all', repeatably(options))),
    preferences: async (options) =>
      bodyOf(routes.GET('/v1/me/notification-preferences', repeatably(options)), parsePreferences),
    changePreferences: async (changes, options) =>
      bodyOf(
        routes.PATCH('/v1/me/notification-preferences', {
          // Amounts are written as texts.
          body: changes as Schemas['ChangeNotificationPreferences'],
          ...repeatably(options),
        }),
        parsePreferences,
      ),
  };
}

function parseNotification({ movement, ...rest }: NotificationJson): Notification {
  return { ...rest, movement: movement && withAmounts(movement, 'amount') };
}

function parsePreferences({ lowBalances, ...rest }: PreferencesJson): NotificationPreferences {
  const amounts = Object.entries(lowBalances).map(([currency, amount]) => [currency, BigInt(amount)]);
  return { ...rest, lowBalances: result(Object.fromEntries(amounts)) };
}
