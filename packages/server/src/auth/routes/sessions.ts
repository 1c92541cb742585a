import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { EXAMPLE_TIME, IdField, IdParams, isId, TimeField } from '../../http/fields.js';
import { route } from '../../http/route.js';
import type { AuthServices } from '../auth-services.js';
import { sessionMissing } from '../sessions.js';

const ActiveSessionSchema = z
  .object({
    id: IdField,
    createdAt: TimeField,
    lastUsedAt: TimeField.openapi({ description: 'Of the last login or refresh' }),
    network: z
      .string()
      .nullable()
      .openapi({ description: 'Where that came from: an IPv4 address, or the first half of an IPv6 address' }),
    device: z.string().nullable().openapi({ description: 'What the program said of itself at the login' }),
    current: z.boolean().openapi({ description: 'Whether it is the session of this request' }),
  })
  .openapi('ActiveSession');

const ActiveSessionsSchema = z.object({ data: z.array(ActiveSessionSchema) }).openapi('ActiveSessions');

const listSessionsEndpoint = {
  operationId: 'listSessions',
  method: 'get',
  path: '/v1/me/sessions',
  tag: 'Authentication',
  summary: 'List your sessions, the one used last first',
  description: 'A hundred at most.',
  access: 'user',
  answer: {
    status: 200,
    description: 'The sessions that have not ended',
    content: {
      schema: ActiveSessionsSchema,
      example: {
        data: [
          {
            id: '0199a1d2-5a10-7f02-8c4e-3b9d1e6f7a20',
            createdAt: EXAMPLE_TIME,
            lastUsedAt: EXAMPLE_TIME,
            network: '192.0.2.17',
            device: 'Firefox on Linux',
            current: true,
          },
        ],
      },
    },
  },
  refusals: [],
} as const satisfies Endpoint;

const revokeSessionEndpoint = {
  operationId: 'revokeSession',
  method: 'post',
  path: '/v1/me/sessions/{id}/revoke',
  tag: 'Authentication',
  summary: 'End one of your sessions',
  description:
    'It ends at once in the process that handles the request, and within five seconds in others. May be repeated.',
  access: 'user',
  params: IdParams,
  answer: { status: 204, description: 'The session has ended' },
  refusals: ['session_not_found'],
} as const satisfies Endpoint;

const revokeOtherSessionsEndpoint = {
  operationId: 'revokeOtherSessions',
  method: 'post',
  path: '/v1/me/sessions/revoke-others',
  tag: 'Authentication',
  summary: 'End all of your sessions but this one',
  access: 'user',
  answer: { status: 204, description: 'The other sessions have ended' },
  refusals: [],
} as const satisfies Endpoint;

export const listSessionsRoute = route(listSessionsEndpoint, ({ sessions }: AuthServices) => async ({ principal }) => {
  const rows = await sessions.list(principal.id);
  const data = rows.map(({ createdAt, lastUsedAt, ...row }) => ({
    ...row,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt.toISOString(),
    current: row.id === principal.sessionId,
  }));
  return { body: { data } };
});

export const revokeSessionRoute = route(
  revokeSessionEndpoint,
  ({ sessions }: AuthServices) =>
    async ({ principal, params: { id } }) => {
      if (!isId(id)) throw sessionMissing();
      await sessions.endOne(principal.id, id);
      return { body: undefined };
    },
);

export const revokeOtherSessionsRoute = route(
  revokeOtherSessionsEndpoint,
  ({ database, sessions }: AuthServices) =>
    async ({ principal }) => {
      const refuseEnded = await database
        .transaction()
        .execute((transaction) => sessions.endAll(transaction, principal.id, principal.sessionId));
      refuseEnded();
      return { body: undefined };
    },
);
