import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import { userJson } from '../../users/user-json.js';
import type { AuthServices } from '../auth-services.js';
import { completeWithCode, completeWithPasskey, requestPasskey } from '../second-factor/complete-login.js';
import {
  type AuthenticationResponse,
  CompletePasskeyLoginSchema,
  EXAMPLE_ASSERTION,
  EXAMPLE_REQUEST,
  PasskeyRequestSchema,
  RequestPasskeySchema,
} from '../second-factor/passkey-json.js';
import { CompleteLoginSchema, EXAMPLE_CHALLENGE } from '../second-factor/second-factor-json.js';
import { EXAMPLE_SESSION, SessionSchema } from '../session-json.js';

const completeLoginEndpoint = {
  operationId: 'completeLogin',
  method: 'post',
  path: '/v1/auth/login/complete',
  tag: 'Authentication',
  summary: 'Complete a login with a code',
  description:
    'A code works once. After five wrong ones of the app in a row the next has to wait, and each wait is twice as long as the one before, up to an hour. Recovery codes do not wait.',
  access: 'anyone',
  body: { schema: CompleteLoginSchema, example: { challenge: EXAMPLE_CHALLENGE, code: '287082' } },
  answer: {
    status: 200,
    description: 'The new session',
    content: { schema: SessionSchema, example: EXAMPLE_SESSION },
  },
  refusals: ['challenge_invalid', 'code_wrong', 'rate_limited'],
} as const satisfies Endpoint;

const requestPasskeyEndpoint = {
  operationId: 'requestPasskey',
  method: 'post',
  path: '/v1/auth/login/passkey-request',
  tag: 'Authentication',
  summary: 'Ask for what a browser completes a login with a passkey by',
  description: 'It can be answered once; ask again for another attempt.',
  access: 'anyone',
  body: { schema: RequestPasskeySchema, example: { challenge: EXAMPLE_CHALLENGE } },
  answer: {
    status: 200,
    description: 'For `navigator.credentials.get()`',
    content: { schema: PasskeyRequestSchema, example: EXAMPLE_REQUEST },
  },
  refusals: ['challenge_invalid', 'second_factor_not_found', 'passkeys_off', 'rate_limited'],
} as const satisfies Endpoint;

const completePasskeyLoginEndpoint = {
  operationId: 'completePasskeyLogin',
  method: 'post',
  path: '/v1/auth/login/passkey',
  tag: 'Authentication',
  summary: 'Complete a login with a passkey',
  access: 'anyone',
  body: {
    schema: CompletePasskeyLoginSchema,
    example: { challenge: EXAMPLE_CHALLENGE, response: EXAMPLE_ASSERTION },
  },
  answer: {
    status: 200,
    description: 'The new session',
    content: { schema: SessionSchema, example: EXAMPLE_SESSION },
  },
  refusals: ['challenge_invalid', 'passkey_refused', 'passkeys_off', 'rate_limited'],
} as const satisfies Endpoint;

export const completeLoginRoute = route(
  completeLoginEndpoint,
  (services: AuthServices) =>
    async ({ body: { challenge, code }, clientAddress, userAgent }) => {
      const headers = await services.codeAttempts.take(clientAddress, challenge);
      const client = { clientAddress, userAgent };
      const { user, tokens } = await completeWithCode(services, { challenge, code, client });
      return { body: { user: userJson(user), ...tokens }, headers };
    },
);

export const requestPasskeyRoute = route(
  requestPasskeyEndpoint,
  (services: AuthServices) =>
    async ({ body: { challenge }, clientAddress }) => {
      const headers = await services.codeAttempts.take(clientAddress, challenge);
      return { body: { options: { ...(await requestPasskey(services, challenge)) } }, headers };
    },
);

export const completePasskeyLoginRoute = route(
  completePasskeyLoginEndpoint,
  (services: AuthServices) =>
    async ({ body: { challenge, response }, clientAddress, userAgent }) => {
      const headers = await services.codeAttempts.take(clientAddress, challenge);
      const client = { clientAddress, userAgent };
      const given = { challenge, response: response as AuthenticationResponse, client };
      const { user, tokens } = await completeWithPasskey(services, given);
      return { body: { user: userJson(user), ...tokens }, headers };
    },
);
