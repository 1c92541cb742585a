import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import { userJson } from '../../users/user-json.js';
import type { AuthServices } from '../auth-services.js';
import { completeLogin } from '../second-factor/complete-login.js';
import { CompleteLoginSchema, EXAMPLE_CHALLENGE } from '../second-factor/second-factor-json.js';
import { EXAMPLE_SESSION, SessionSchema } from '../session-json.js';

const completeLoginEndpoint = {
  operationId: 'completeLogin',
  method: 'post',
  path: '/v1/auth/login/complete',
  tag: 'Authentication',
  summary: 'Complete a login with a code',
  description:
    'A code works once. After five wrong ones in a row the next has to wait, and each wait is twice as long as the one before, up to an hour.',
  access: 'anyone',
  body: { schema: CompleteLoginSchema, example: { challenge: EXAMPLE_CHALLENGE, code: '287082' } },
  answer: {
    status: 200,
    description: 'The new session',
    content: { schema: SessionSchema, example: EXAMPLE_SESSION },
  },
  refusals: ['challenge_invalid', 'code_wrong', 'rate_limited'],
} as const satisfies Endpoint;

export const completeLoginRoute = route(
  completeLoginEndpoint,
  (services: AuthServices) =>
    async ({ body: { challenge, code }, clientAddress, userAgent }) => {
      const headers = await services.codeAttempts.take(clientAddress, challenge);
      const client = { clientAddress, userAgent };
      const { user, tokens } = await completeLogin(services, { challenge, code, client });
      return { body: { user: userJson(user), ...tokens }, headers };
    },
);
