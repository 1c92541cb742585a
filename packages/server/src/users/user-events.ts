import { defineDomainEvent } from '@micropay/ledger-core';
import { z } from 'zod';

/** With so many ids an event is well below the 8 KiB that its data may have. */
export const NOTIFIED_MAX = 100;

const UserIdSchema = z.guid().meta({ description: 'UUID in lower case' });
const OF_USER = { userId: UserIdSchema };

/** The data of the events that the server adds to those of the ledger. */
export const USER_EVENT_DATA = {
  'user.created.v1': z.object(OF_USER).meta({ description: 'A user was created.' }),
  'user.closed.v1': z
    .object(OF_USER)
    .meta({ description: 'A user closed the account, and the personal data were erased.' }),
  'user.notified.v1': z
    .object({
      userIds: z.array(UserIdSchema).min(1).max(NOTIFIED_MAX).meta({ description: 'Users see their own id alone' }),
    })
    .meta({ description: 'Users have new notifications in their inboxes.' }),
} as const;

export type UserEventType = keyof typeof USER_EVENT_DATA;
export type UserEventData<Type extends UserEventType> = z.infer<(typeof USER_EVENT_DATA)[Type]>;

export const userCreated = defineDomainEvent({
  type: 'user.created.v1',
  topic: 'users',
  data: USER_EVENT_DATA['user.created.v1'],
});

export const userClosed = defineDomainEvent({
  type: 'user.closed.v1',
  topic: 'users',
  data: USER_EVENT_DATA['user.closed.v1'],
});

/** One event for many users: it costs as much as a whole batch of notifications does. */
export const userNotified = defineDomainEvent({
  type: 'user.notified.v1',
  topic: 'notifications',
  data: USER_EVENT_DATA['user.notified.v1'],
});
