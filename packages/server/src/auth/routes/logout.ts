import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import type { AuthServices } from '../auth-services.js';
import { EXAMPLE_TOKENS, RefreshTokenSchema } from '../session-json.js';

const logoutEndpoint = {
  operationId: 'logout',
  method: 'post',
  path: '/v1/auth/logout',
  tag: 'Authentication',
  summary: 'End a session',
  description:
    'Ends the session of this refresh token, including its access tokens: immediately in the process that handles the request, ' +
    'and within five seconds in others. An unknown token gets the same response, so a logout can be repeated.',
  access: 'anyone',
  body: { schema: RefreshTokenSchema, example: { refreshToken: EXAMPLE_TOKENS.refreshToken } },
  answer: { status: 204, description: 'The session has ended' },
  refusals: [],
} as const satisfies Endpoint;

export const logoutRoute = route(logoutEndpoint, ({ sessions }: AuthServices) => async ({ body }) => {
  await sessions.end(body.refreshToken);
  return { body: undefined };
});
