import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { SignInNotices } from '../auth/sign-in-notices.js';
import type { Mails } from '../mail/mail-outbox.js';
import { signInMailOf } from './notification-mail.js';
import { preferencesOf } from './preferences/preferences.js';
import { findAddressees } from './preferences/preferences-store.js';
import type { Announce } from './sink/announce.js';
import { countMails, MAILS_PER_HOUR } from './sink/notification-sink.js';

/** Tells users of sign-ins in the database transaction of the sign-in, also where they are not notified of their money. */
export function createSignInNotices({
  ledger,
  mails,
  announce,
}: {
  readonly ledger: string;
  readonly mails: Mails;
  readonly announce: Announce;
}): SignInNotices {
  return {
    async newDevice(transaction, userId, data) {
      const addressee = (await findAddressees(transaction, ledger, [userId], { willWrite: true })).get(userId);
      if (addressee === undefined) return;
      const { language, types } = preferencesOf(addressee.chosen);
      const { inbox, mail } = types.new_device;
      const counted = await countMails(transaction, { ledger, ids: [userId], about: 'sign-ins' });
      const mailed = counted.get(userId) ?? 0;
      const to = mail && mails.canSend && mailed < MAILS_PER_HOUR ? addressee.email : null;
      if (!inbox && to === null) return;
      await transaction
        .insertInto('notifications')
        .values({
          ledger,
          id: uuidv7(),
          user_id: userId,
          type: 'new_device',
          happened_at: sql<Date>`now()`,
          data: JSON.stringify(data),
          in_inbox: inbox,
          mailed: to !== null,
        })
        .execute();
      if (inbox) await announce(transaction, [userId]);
      if (to !== null) await mails.add(transaction, signInMailOf(userId, to, { language, data }));
    },
  };
}
