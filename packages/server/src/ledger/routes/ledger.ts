import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { textField } from '../../http/fields.js';
import { type LedgerServices, route } from '../../http/route.js';

const LedgerSchema = z
  .object({
    name: z.string(),
    timeZone: z.string().openapi({ description: 'The IANA zone whose days its statements and balances go by' }),
  })
  .openapi('Ledger');

const TimeZoneSchema = z
  .strictObject({
    timeZone: textField({ max: 100 }).openapi({ description: 'The name of an IANA zone', example: 'Europe/Berlin' }),
  })
  .openapi('NewTimeZone');

const EXAMPLE_LEDGER = { name: 'main', timeZone: 'Europe/Berlin' };

const getLedgerEndpoint = {
  operationId: 'getLedger',
  method: 'get',
  path: '/v1/ledger',
  tag: 'Service',
  summary: 'The ledger that this server works on, and its time zone',
  access: 'either',
  answer: { status: 200, description: 'The ledger', content: { schema: LedgerSchema, example: EXAMPLE_LEDGER } },
  refusals: [],
} as const satisfies Endpoint;

const setTimeZoneEndpoint = {
  operationId: 'setTimeZone',
  method: 'post',
  path: '/v1/ledger/time-zone',
  tag: 'Operation',
  summary: 'Set the time zone of the ledger',
  description: 'UTC until it is set. What is recorded stays as it is; days are those of the new zone from then on.',
  access: 'operator',
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
