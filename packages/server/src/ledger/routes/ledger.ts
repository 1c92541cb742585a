import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { textField } from '../../http/fields.js';
import { type LedgerServices, route } from '../../http/route.js';

const LedgerSchema = z
  .object({
    name: z.string(),
    timeZone: z
      .string()
      .openapi({ description: 'The IANA time zone in which days of statements and past balances begin and end' }),
  })
  .openapi('Ledger');

const TimeZoneSchema = z
  .strictObject({
    timeZone: textField({ max: 100 }).openapi({
      description: 'The name of an IANA time zone',
      example: 'Europe/Berlin',
    }),
  })
  .openapi('NewTimeZone');

const EXAMPLE_LEDGER = { name: 'main', timeZone: 'Europe/Berlin' };

const getLedgerEndpoint = {
  operationId: 'getLedger',
  method: 'get',
  path: '/v1/ledger',
  tag: 'Service',
  summary: 'Get the name and the time zone of the ledger',
  access: 'either',
  scope: 'ledger:read',
  answer: { status: 200, description: 'The ledger', content: { schema: LedgerSchema, example: EXAMPLE_LEDGER } },
  refusals: [],
} as const satisfies Endpoint;

const setTimeZoneEndpoint = {
  operationId: 'setTimeZone',
  method: 'post',
  path: '/v1/ledger/time-zone',
  tag: 'Operators',
  summary: 'Set the time zone of the ledger',
  description: 'The default is UTC. Recorded data does not change; from now on, days are those of the new time zone.',
  access: 'operator',
  scope: 'ledger:write',
  subject: 'timeZone',
  body: { schema: TimeZoneSchema, example: { timeZone: 'Europe/Berlin' } },
  answer: { status: 200, description: 'The ledger', content: { schema: LedgerSchema, example: EXAMPLE_LEDGER } },
  refusals: ['unknown_time_zone'],
} as const satisfies Endpoint;

export const getLedgerRoute = route(getLedgerEndpoint, ({ ledger }: LedgerServices) => async () => ({
  body: { name: ledger.name, timeZone: await ledger.timeZone() },
}));

export const setTimeZoneRoute = route(setTimeZoneEndpoint, ({ ledger }: LedgerServices) => async ({ body }) => ({
  body: { name: ledger.name, timeZone: await ledger.setTimeZone(body.timeZone) },
}));
