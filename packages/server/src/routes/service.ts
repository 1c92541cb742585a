import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../http/endpoint.js';

const StatusSchema = z.object({ status: z.literal('ok') }).openapi('ServiceStatus');

export const livezEndpoint = {
  operationId: 'livez',
  method: 'get',
  path: '/livez',
  tag: 'Service',
  summary: 'The process answers',
  access: 'anyone',
  answer: { status: 200, description: 'It does', content: { schema: StatusSchema, example: { status: 'ok' } } },
  refusals: [],
} as const satisfies Endpoint;

export const readyzEndpoint = {
  operationId: 'readyz',
  method: 'get',
  path: '/readyz',
  tag: 'Service',
  summary: 'The process can work: its database answers and has the right schema',
  access: 'anyone',
  answer: { status: 200, description: 'It can', content: { schema: StatusSchema, example: { status: 'ok' } } },
  refusals: ['schema_outdated', 'schema_newer', 'ledger_closed'],
} as const satisfies Endpoint;
