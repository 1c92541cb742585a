import type { StoredNotice } from './notice.js';
import type { Scales } from './scales.js';
import { type Language, type NotificationText, notificationText, signInText } from './texts/texts.js';

/** What a notification says in a language. */
export async function textOf(
  { scales }: { readonly scales: Scales },
  language: Language,
  notice: StoredNotice,
): Promise<NotificationText> {
  if (notice.type === 'new_device') return signInText(language, notice.data);
  const { type, data } = notice;
  return notificationText(language, type, { data, scale: await scales.of(data.currency) });
}
