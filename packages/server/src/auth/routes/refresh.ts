import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import type { AuthServices } from '../auth-services.js';
import { EXAMPLE_TOKENS, RefreshTokenSchema, TokensSchema } from '../session-json.js';

const refreshEndpoint = {
  operationId: 'refresh',
  method: 'post',
  path: '/v1/auth/refresh',
  tag: 'Authentication',
  summary: 'Exchange a refresh token for new tokens',
  description:
    'A refresh token works once. A client that lost the response may send it again within ten seconds, if the new token has ' +
    'not been used: it gets another pair, of which only one refresh token can be used. Any other reuse ends the session.',
  access: 'anyone',
  body: { schema: RefreshTokenSchema, example: { refreshToken: EXAMPLE_TOKENS.refreshToken } },
  answer: {
    status: 200,
    description: 'New tokens',
    content: { schema: TokensSchema, example: EXAMPLE_TOKENS },
  },
  refusals: ['refresh_token_invalid', 'refresh_token_reused', 'rate_limited'],
} as const satisfies Endpoint;

export const refreshRoute = route(
  refreshEndpoint,
  ({ sessions, refreshAttempts }: AuthServices) =>
    async ({ body: { refreshToken }, clientAddress, userAgent }) => {
      const headers = await refreshAttempts.take(clientAddress, refreshToken);
      return { body: await sessions.refresh(refreshToken, { clientAddress, userAgent }), headers };
    },
);
