import { defineDomainEvent } from '@micropay/ledger-core';
import { z } from 'zod';

/** A domain event as an application would define it. */
export const userCreated = defineDomainEvent({
  type: 'user.created.v1',
  topic: 'users',
  data: z.strictObject({ userId: z.guid() }),
});
