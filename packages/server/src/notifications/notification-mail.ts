import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';
import type { WriteMail } from '../mail/mail-kind.js';
import type { NewMail } from '../mail/mail-outbox.js';
import type { NotificationType, StoredNotice } from './notice.js';
import { preferencesOf } from './preferences/preferences.js';
import { findAddressees } from './preferences/preferences-store.js';
import type { Scales } from './scales.js';
import { textOf } from './text-of.js';
import { footerIn } from './texts/texts.js';

export function mailOf(userId: UserId, to: string, { type, data }: StoredNotice): NewMail {
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
    const { type, ...data } = stored;
    const { types, language } = preferencesOf(addressee.chosen);
    if (!types[type as NotificationType].mail) return undefined;
    const { title, text } = await textOf({ scales }, language, { type, data } as unknown as StoredNotice);
    return { subject: title, text: `${text}\n\n${footerIn(language)}` };
  };
}
