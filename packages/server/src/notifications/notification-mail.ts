import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';
import type { WriteMail } from '../mail/mail-kind.js';
import type { NewMail } from '../mail/mail-outbox.js';
import type { NotificationData, NotificationType } from './notice.js';
import { preferencesOf } from './preferences/preferences.js';
import { findAddressees } from './preferences/preferences-store.js';
import type { Scales } from './scales.js';
import { footerIn, notificationText } from './texts/texts.js';

export function mailOf(
  userId: UserId,
  to: string,
  { type, data }: { readonly type: NotificationType; readonly data: NotificationData },
): NewMail {
  return { kind: 'notification', userId, to, data: { ...data, type } };
}

/** Writes the mail of a notification, if its user still wants it, at the email that it is addressed to. */
export function createNotificationMail({
  database,
  ledger,
  scales,
}: {
  readonly database: Database;
  readonly ledger: string;
  readonly scales: Scales;
}): WriteMail {
  return async ({ userId, to, data: stored }) => {
    if (userId === null) return undefined;
    const addressee = (await findAddressees(database, ledger, [userId])).get(userId);
    if (addressee?.email !== to) return undefined;
    const { type, ...data } = stored as unknown as NotificationData & { readonly type: NotificationType };
    const { types, language } = preferencesOf(addressee.chosen);
    if (!types[type].mail) return undefined;
    const scale = await scales.of(data.currency);
    const { title, text } = notificationText(language, type, { data, scale });
    return { subject: title, text: `${text}\n\n${footerIn(language)}` };
  };
}
