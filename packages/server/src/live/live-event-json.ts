import { z } from '@hono/zod-openapi';
import { EVENT_DATA, type EventType } from '@micropay/ledger-core';
import { EXAMPLE_IDS, EXAMPLE_TIME, IdField, TimeField } from '../http/fields.js';
import { USER_EVENT_DATA, type UserEventType } from '../users/user-events.js';
import { MARK_PATTERN } from './stream-mark.js';

const HiddenAddressField = z.string().nullable().openapi({ description: 'Null if the account is not yours' });

/** The data of an event type as callers see it: the address of the other party may be hidden. */
function shownSchema(type: LiveEventType): z.ZodObject {
  const data: z.ZodObject = { ...USER_EVENT_DATA, ...EVENT_DATA }[type];
  if (!('fromAddress' in data.shape)) return data;
  return data.extend({ fromAddress: HiddenAddressField, toAddress: HiddenAddressField });
}

/** The types of the ledger's events and of the server's own. */
export type LiveEventType = EventType | UserEventType;

export const EVENT_TYPES = Object.keys({ ...USER_EVENT_DATA, ...EVENT_DATA }) as [LiveEventType, ...LiveEventType[]];

/** Names of an application's own events, which do not begin like one of ours. */
const OTHER_EVENT_TYPE =
  /^(?!(?:account|balance|hold|transfer|user)\.)[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]*$/;

/** Any type that an event may have: a slip in one of ours is told from the name of an application's. */
export function isEventTypeName(type: string): boolean {
  return (EVENT_TYPES as readonly string[]).includes(type) || OTHER_EVENT_TYPE.test(type);
}

const KNOWN_TYPE_JSON = { type: 'string' as const, enum: [...EVENT_TYPES] };
const OTHER_TYPE_JSON = { type: 'string' as const, pattern: OTHER_EVENT_TYPE.source };

/** As the OpenAPI document describes it. */
export const EVENT_TYPE_JSON = { anyOf: [KNOWN_TYPE_JSON, OTHER_TYPE_JSON] };

function eventSchema(type: LiveEventType) {
  return z
    .object({
      id: z.string().openapi({ description: 'The same in every delivery' }),
      type: z.literal(type),
      subject: IdField.openapi({
        description:
          'The id of the transfer, wallet or user that the event is about; of `user.notified` an id of its own',
      }),
      time: TimeField,
      data: shownSchema(type),
    })
    .openapi(`Event.${type}`);
}

const [first, ...others] = EVENT_TYPES.map(eventSchema);

/** The data of one event of the stream, of those that the ledger and the server write. */
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
      {
        type: 'object',
        required: ['id', 'type', 'subject', 'time', 'data'],
        properties: { type: OTHER_TYPE_JSON, data: { type: 'object' } },
      },
      { $ref: '#/components/schemas/Problem' },
      { type: 'object', maxProperties: 0 },
    ],
  },
};

/** The fields of a message of the stream; `data` is JSON. */
export const MessageSchema = z
  .object({
    event: z.string().openapi({
      description:
        `The type of the event, or \`opened\`, \`position\` or \`end\`. Types are ${EVENT_TYPES.join(', ')}; to operators also those of ` +
        "the application's own events, so leave those that you do not know aside.",
    }),
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
