import { z } from '@hono/zod-openapi';
import { EVENT_DATA, type EventType } from '@micropay/ledger-core';
import { EXAMPLE_IDS, EXAMPLE_TIME, IdField, TimeField } from '../http/fields.js';
import { USER_CREATED, UserCreatedSchema } from '../users/user-created.js';
import { MARK_PATTERN } from './stream-mark.js';

const HiddenAddressField = z.string().nullable().openapi({ description: 'Null if the account is not yours' });

/** The data of an event type as callers see it: the address of the other party may be hidden. */
function shownSchema(type: LiveEventType): z.ZodObject {
  const data: z.ZodObject = type === USER_CREATED ? UserCreatedSchema : EVENT_DATA[type];
  if (!('fromAddress' in data.shape)) return data;
  return data.extend({ fromAddress: HiddenAddressField, toAddress: HiddenAddressField });
}

/** The types of the ledger's events and of the server's own. */
export type LiveEventType = EventType | typeof USER_CREATED;

export const EVENT_TYPES: readonly [LiveEventType, ...LiveEventType[]] = [
  USER_CREATED,
  ...(Object.keys(EVENT_DATA) as EventType[]),
];

function eventSchema(type: LiveEventType) {
  return z
    .object({
      id: z.string().openapi({ description: 'The same in every delivery' }),
      type: z.literal(type),
      subject: IdField.openapi({ description: 'The id of the transfer, wallet or user that the event is about' }),
      time: TimeField,
      data: shownSchema(type),
    })
    .openapi(`Event.${type}`);
}

const [first, ...others] = EVENT_TYPES.map(eventSchema);

/** The data of one event of the stream. */
export const LiveEventSchema = z
  .discriminatedUnion('type', [first as ReturnType<typeof eventSchema>, ...others])
  .openapi('LiveEvent');

export const EXAMPLE_EVENT = {
  id: `${EXAMPLE_IDS.transfer}/balance.changed/${EXAMPLE_IDS.wallet}`,
  type: 'balance.changed.v1',
  subject: EXAMPLE_IDS.wallet,
  time: EXAMPLE_TIME,
  data: {
    accountId: EXAMPLE_IDS.wallet,
    address: `users:${EXAMPLE_IDS.user}:usd`,
    currency: 'USD',
    sequence: '2',
    posted: '3750',
    pendingIn: '0',
    pendingOut: '0',
    available: '3750',
    change: '-1250',
    transferId: EXAMPLE_IDS.transfer,
  },
};

const EVENT_DATA_JSON = {
  contentMediaType: 'application/json',
  contentSchema: {
    anyOf: [
      { $ref: '#/components/schemas/LiveEvent' },
      { $ref: '#/components/schemas/Problem' },
      { type: 'object', maxProperties: 0 },
    ],
  },
};

/** The fields of a message of the stream; `data` is JSON. */
export const MessageSchema = z
  .object({
    event: z.enum([...EVENT_TYPES, 'opened', 'position', 'end']),
    id: z
      .string()
      .regex(MARK_PATTERN)
      .optional()
      .openapi({ description: 'Send it as `Last-Event-ID` to resume after this message' }),
    retry: z.int().optional().openapi({ description: 'The delay in milliseconds before a browser reconnects' }),
    data: z.string().openapi({
      description: 'An event as JSON; for `end` a problem; otherwise an empty object',
      ...EVENT_DATA_JSON,
    }),
  })
  .openapi('StreamMessage');

export const EXAMPLE_MESSAGE = { event: EXAMPLE_EVENT.type, id: '17.2', data: JSON.stringify(EXAMPLE_EVENT) };
