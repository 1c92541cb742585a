import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';
import type { MailText, WriteMail } from '../mail/mail-kind.js';
import type { NewMail } from '../mail/mail-outbox.js';
import type { MoneyType, Notice, SignInData } from './notice.js';
import { preferencesOf } from './preferences/preferences.js';
import { findAddressees } from './preferences/preferences-store.js';
import type { Scales } from './scales.js';
import { textOf } from './text-of.js';
import { footerIn, type Language, type NotificationText, signInText } from './texts/texts.js';

export function mailOf(userId: UserId, to: string, { type, data }: Pick<Notice, 'type' | 'data'>): NewMail {
  return { kind: 'notification', userId, to, data: { ...data, type } };
}

/**
 * The mail of a sign-in. It is written at once and sent whatever happens: whoever has just signed in may be the stranger of whom it warns, and could
 * change the preferences, the language and the email before it is sent.
 */
export function signInMailOf(
  userId: UserId,
  to: string,
  { language, data }: { readonly language: Language; readonly data: SignInData },
): NewMail {
  const { subject, text } = withFooter(language, signInText(language, data));
  return { kind: 'notice', userId, to, data: { subject, text } };
}

/** Writes the mail of a notification about money, if its user still wants it, at the email that it is addressed to. */
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
    if (!types[type as MoneyType].mail) return undefined;
    return withFooter(language, await textOf({ scales }, language, { type, data } as unknown as Notice));
  };
}

function withFooter(language: Language, { title, text }: NotificationText): MailText {
  return { subject: title, text: `${text}\n\n${footerIn(language)}` };
}
