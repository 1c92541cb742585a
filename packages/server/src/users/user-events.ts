import { defineDomainEvent } from '@micropay/ledger-core';
import { z } from 'zod';

const OF_USER = { userId: z.guid().meta({ description: 'UUID in lower case' }) };

/** The data of the events that the server adds to those of the ledger. */
export const USER_EVENT_DATA = {
  'user.created.v1': z.object(OF_USER).meta({ description: 'A user was created.' }),
  'user.closed.v1': z
    .object(OF_USER)
    .meta({ description: 'A user closed the account, and the personal data were erased.' }),
} as const;

export type UserEventType = keyof typeof USER_EVENT_DATA;

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
