import type { Ledger } from '@micropay/ledger-core';
import { fromKysely } from '@micropay/ledger-core/kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../database/connect.js';
import { NOTIFIED_MAX, userNotified } from '../../users/user-events.js';

/** Says in a database transaction whose inboxes have something new. */
export type Announce = (transaction: Database, userIds: readonly string[]) => Promise<void>;

/** Writes as few events as possible. */
export function createAnnounce(ledger: Ledger): Announce {
  return async (transaction, userIds) => {
    const { events } = ledger.within(fromKysely(transaction));
    for (let from = 0; from < userIds.length; from += NOTIFIED_MAX) {
      await events.write(userNotified, {
        subject: uuidv7(),
        data: { userIds: userIds.slice(from, from + NOTIFIED_MAX) },
      });
    }
  };
}
