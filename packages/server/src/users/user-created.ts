import { defineDomainEvent } from '@micropay/ledger-core';
import { z } from 'zod';

export const USER_CREATED = 'user.created.v1';

export const UserCreatedSchema = z
  .object({ userId: z.guid().meta({ description: 'UUID in lower case' }) })
  .meta({ description: 'A user was created.' });

/** The one event that the server adds to those of the ledger. */
export const userCreated = defineDomainEvent({ type: USER_CREATED, topic: 'users', data: UserCreatedSchema });
