import { z } from '@hono/zod-openapi';
import { LedgerError } from '@micropay/ledger-core';
import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';
import type { Endpoint } from '../../http/endpoint.js';
import { type LedgerServices, route } from '../../http/route.js';
import { withDeadline } from '../../throttling/deadline.js';
import { sharedWork } from '../../throttling/shared-work.js';

const StatusSchema = z.object({ status: z.literal('ok') }).openapi('ServiceStatus');

interface HealthServices extends LedgerServices {
  readonly database: Database;
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
  summary: 'Check that the process is ready: its database responds, accepts writes and has the right schema',
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

/** The route is public, so results are kept for a moment to spare the database. */
const READY_KEPT_MS = 1_000;
/** A database that takes longer for a trivial statement cannot serve requests. */
const READY_TIMEOUT_MS = 3_000;

function tooLate(): LedgerError {
  return new LedgerError('database_unavailable', `the database did not answer within ${READY_TIMEOUT_MS} ms`);
}

export const readyzRoute = route(readyzEndpoint, ({ ledger, database }: HealthServices) => {
  // The ledger and the server have connections of their own, and both are needed.
  const ask = () => Promise.all([ledger.check(), sql`select 1`.execute(database)]);
  const check = sharedWork(() => withDeadline(READY_TIMEOUT_MS, ask(), tooLate), READY_KEPT_MS);
  return async () => {
    await check();
    return { body: UP };
  };
});
