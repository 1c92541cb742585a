import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import type { AuthServices } from '../auth-services.js';
import { checkOwnPassword } from '../check-own-password.js';
import { confirmPasskeyEnrolment, enrolPasskey } from '../second-factor/change-passkeys.js';
import {
  ConfirmPasskeySchema,
  EnrolPasskeySchema,
  EXAMPLE_CREATION,
  EXAMPLE_REGISTRATION,
  PasskeyCreationSchema,
  type RegistrationResponse,
} from '../second-factor/passkey-json.js';
import {
  ConfirmedSecondFactorSchema,
  EXAMPLE_RECOVERY_CODES,
  EXAMPLE_SECOND_FACTOR,
  secondFactorJson,
} from '../second-factor/second-factor-json.js';
import { ENROLMENT_LIFETIME_S } from '../second-factor/second-factor-store.js';

const NAME_DEFAULT = 'Passkey';

const enrolPasskeyEndpoint = {
  operationId: 'enrolPasskey',
  method: 'post',
  path: '/v1/me/second-factors/passkeys',
  tag: 'Authentication',
  summary: 'Add a passkey or a security key',
  description: 'It counts once the response of the browser has confirmed it. You may have several.',
  access: 'user',
  body: { schema: EnrolPasskeySchema, example: { password: 'correct horse battery', name: 'Laptop' } },
  answer: {
    status: 201,
    description: 'For `navigator.credentials.create()`',
    content: { schema: PasskeyCreationSchema, example: EXAMPLE_CREATION },
  },
  refusals: ['password_wrong', 'passkeys_off', 'too_many_second_factors', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

const confirmPasskeyEndpoint = {
  operationId: 'confirmPasskey',
  method: 'post',
  path: '/v1/me/second-factors/passkeys/confirm',
  tag: 'Authentication',
  summary: 'Confirm a passkey with the response of the browser',
  description: 'From then on a login takes a second factor. A notice is sent. Each response counts once.',
  access: 'user',
  body: { schema: ConfirmPasskeySchema, example: { response: EXAMPLE_REGISTRATION } },
  answer: {
    status: 200,
    description: 'The passkey, with recovery codes if it is your first second factor',
    content: {
      schema: ConfirmedSecondFactorSchema,
      example: {
        secondFactor: { ...EXAMPLE_SECOND_FACTOR, kind: 'passkey', name: 'Laptop', lastUsedAt: null },
        recoveryCodes: EXAMPLE_RECOVERY_CODES,
      },
    },
  },
  refusals: ['second_factor_not_found', 'passkey_refused', 'passkeys_off', 'rate_limited'],
} as const satisfies Endpoint;

export const enrolPasskeyRoute = route(
  enrolPasskeyEndpoint,
  (services: AuthServices) =>
    ({ principal, body: { password, name = NAME_DEFAULT }, clientAddress }) =>
      services.passwords.use(async (hasher) => {
        const user = await checkOwnPassword(services, hasher, { principal, clientAddress, password });
        const options = { ...(await enrolPasskey(services, user, name)) };
        return { body: { options, expiresIn: ENROLMENT_LIFETIME_S } };
      }),
);

export const confirmPasskeyRoute = route(
  confirmPasskeyEndpoint,
  (services: AuthServices) =>
    async ({ principal, body, clientAddress }) => {
      const headers = await services.codeAttempts.take(clientAddress, principal.id);
      const response = body.response as RegistrationResponse;
      const { secondFactor, recoveryCodes } = await confirmPasskeyEnrolment(services, principal.id, response);
      return { body: { secondFactor: secondFactorJson(secondFactor), recoveryCodes: [...recoveryCodes] }, headers };
    },
);
