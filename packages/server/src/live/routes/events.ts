import { z } from '@hono/zod-openapi';
import { type Endpoint, EVENT_STREAM } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import {
  EVENT_TYPE_JSON,
  EVENT_TYPES,
  EXAMPLE_MESSAGE,
  isEventTypeName,
  LiveEventSchema,
  MessageSchema,
} from '../live-event-json.js';
import type { LiveEvents } from '../live-events.js';
import { MARK_PATTERN, parseMark, type StreamMark } from '../stream-mark.js';

const EventsQuery = z.strictObject({
  types: z
    .string()
    .transform((list) => list.split(','))
    .refine(
      (types) => types.every(isEventTypeName),
      `must be some of ${EVENT_TYPES.join(',')}, or types of your application such as order.placed.v1`,
    )
    .transform((types) => new Set(types))
    .optional()
    .openapi({
      type: 'array',
      items: EVENT_TYPE_JSON,
      minItems: 1,
      description: 'Deliver only these types, separated by commas; operators may name types of their application too',
      example: ['balance.changed.v1', 'transfer.posted.v1'],
      param: { style: 'form', explode: false },
    }),
});

const EventsHeaders = z.object({
  'last-event-id': z
    .string()
    .regex(MARK_PATTERN, 'must be an id of this stream')
    .transform((text) => parseMark(text) as StreamMark)
    .optional()
    .openapi({
      type: 'string',
      pattern: MARK_PATTERN.source,
      description: 'Resume after this id; default: start now',
      example: '17.2',
    }),
});

export interface LiveServices {
  readonly liveEvents: LiveEvents;
}

const eventsEndpoint = {
  operationId: 'streamEvents',
  method: 'get',
  path: '/v1/events',
  tag: 'Events',
  summary: 'Stream live events as server-sent events',
  description:
    'Users receive events of their own wallets and transfers, operators those of the whole ledger. `event` is the type and ' +
    '`data` the event as JSON. Send the last `id` as `Last-Event-ID` to resume right after it. The first message, `opened`, ' +
    'has the id at which the stream begins; `position` advances the id when there has been no event for you for a while. A ' +
    'comment arrives every fifteen seconds. Before the server ends a stream it sends `end` with a problem: `token_expired` or ' +
    '`token_invalid` if the credential is no longer valid, `stream_too_slow` if the client reads too slowly, `events_gone` if ' +
    'the next events have been deleted, `ledger_closed` if the server is stopping.',
  access: 'either',
  scope: 'events:read',
  query: EventsQuery,
  headers: EventsHeaders,
  answer: {
    status: 200,
    description: 'The stream; the schema describes each message',
    content: { mediaType: EVENT_STREAM, schema: MessageSchema, data: LiveEventSchema, example: EXAMPLE_MESSAGE },
  },
  refusals: ['events_gone', 'too_many_streams', 'overloaded', 'ledger_closed', 'stream_too_slow'],
} as const satisfies Endpoint;

export const eventsRoute = route(
  eventsEndpoint,
  ({ liveEvents }: LiveServices) =>
    async ({ principal, authorization, disconnect, query, headers }) => ({
      stream: await liveEvents.open({
        principal,
        authorization,
        disconnect,
        types: query.types,
        lastMark: headers['last-event-id'],
      }),
    }),
);
