import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { type LedgerServices, route } from '../../http/route.js';
import type { CheckReady } from '../readiness.js';

const StatusSchema = z.object({ status: z.literal('ok') }).openapi('ServiceStatus');

export interface ReadinessServices extends LedgerServices {
  readonly checkReady: CheckReady;
}

const livezEndpoint = {
  operationId: 'livez',
  method: 'get',
  path: '/livez',
  tag: 'Service',
  summary: 'Check that the process is alive',
  access: 'anyone',
  answer: {
    status: 200,
    description: 'The process is alive',
    content: { schema: StatusSchema, example: { status: 'ok' } },
  },
  refusals: [],
} as const satisfies Endpoint;

const readyzEndpoint = {
  operationId: 'readyz',
  method: 'get',
  path: '/readyz',
  tag: 'Service',
  summary: 'Check that the process is ready: its database responds, accepts writes, commits and has the right schema',
  access: 'anyone',
  answer: {
    status: 200,
    description: 'The process is ready',
    content: { schema: StatusSchema, example: { status: 'ok' } },
  },
  refusals: ['schema_outdated', 'schema_newer', 'ledger_closed'],
} as const satisfies Endpoint;

const UP = { status: 'ok' } as const;

export const livezRoute = route(livezEndpoint, () => () => ({ body: UP }));

export const readyzRoute = route(readyzEndpoint, ({ checkReady }: ReadinessServices) => async () => {
  await checkReady();
  return { body: UP };
});
