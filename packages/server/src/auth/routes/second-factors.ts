import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, isId } from '../../http/fields.js';
import { route } from '../../http/route.js';
import { shownEmail } from '../../users/email.js';
import type { AuthServices } from '../auth-services.js';
import { checkOwnPassword } from '../check-own-password.js';
import { PasswordField } from '../passwords/password-field.js';
import {
  confirmEnrolment,
  enrolTotp,
  removeOwnSecondFactor,
  renewRecoveryCodes,
} from '../second-factor/change-second-factors.js';
import {
  ConfirmedSecondFactorSchema,
  EnrolledTotpSchema,
  EXAMPLE_RECOVERY_CODES,
  EXAMPLE_SECOND_FACTOR,
  EXAMPLE_SECOND_FACTORS,
  FactorNameField,
  RecoveryCodesSchema,
  SecondFactorsSchema,
  secondFactorJson,
  secondFactorsJson,
  TotpCodeField,
} from '../second-factor/second-factor-json.js';
import { ENROLMENT_LIFETIME_S, secondFactorMissing } from '../second-factor/second-factor-store.js';
import { shownTotp } from '../second-factor/totp.js';

const TOTP_NAME_DEFAULT = 'Authenticator app';

const EnrolTotpSchema = z
  .strictObject({ password: PasswordField, name: FactorNameField.optional() })
  .openapi('EnrolTotp');
const ConfirmTotpSchema = z.strictObject({ code: TotpCodeField }).openapi('ConfirmTotp');
const WithPasswordSchema = z.strictObject({ password: PasswordField }).openapi('WithPassword');

const EXAMPLE_PASSWORD = { password: 'correct horse battery' };

const listSecondFactorsEndpoint = {
  operationId: 'listSecondFactors',
  method: 'get',
  path: '/v1/me/second-factors',
  tag: 'Authentication',
  summary: 'List your second factors, the oldest first',
  access: 'user',
  answer: {
    status: 200,
    description: 'The second factors that count',
    content: { schema: SecondFactorsSchema, example: EXAMPLE_SECOND_FACTORS },
  },
  refusals: [],
} as const satisfies Endpoint;

const enrolTotpEndpoint = {
  operationId: 'enrolTotp',
  method: 'post',
  path: '/v1/me/second-factors/totp',
  tag: 'Authentication',
  summary: 'Add an authenticator app',
  description: 'It counts once a code has confirmed it, and then replaces an app that you had before.',
  access: 'user',
  body: { schema: EnrolTotpSchema, example: { ...EXAMPLE_PASSWORD, name: 'Phone' } },
  answer: {
    status: 201,
    description: 'The secret, which cannot be shown again',
    content: {
      schema: EnrolledTotpSchema,
      example: {
        secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
        uri: 'otpauth://totp/MicroPay:alice%40example.com?issuer=MicroPay&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA1&digits=6&period=30',
        expiresIn: ENROLMENT_LIFETIME_S,
      },
    },
  },
  refusals: ['password_wrong', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

const confirmTotpEndpoint = {
  operationId: 'confirmTotp',
  method: 'post',
  path: '/v1/me/second-factors/totp/confirm',
  tag: 'Authentication',
  summary: 'Confirm an authenticator app with its first code',
  description: 'From then on a login takes a second factor. A notice is sent.',
  access: 'user',
  body: { schema: ConfirmTotpSchema, example: { code: '287082' } },
  answer: {
    status: 200,
    description: 'The authenticator app, with recovery codes if it is your first second factor',
    content: {
      schema: ConfirmedSecondFactorSchema,
      example: { secondFactor: { ...EXAMPLE_SECOND_FACTOR, lastUsedAt: null }, recoveryCodes: EXAMPLE_RECOVERY_CODES },
    },
  },
  refusals: ['second_factor_not_found', 'code_wrong', 'rate_limited'],
} as const satisfies Endpoint;

const removeSecondFactorEndpoint = {
  operationId: 'removeSecondFactor',
  method: 'post',
  path: '/v1/me/second-factors/{id}/remove',
  tag: 'Authentication',
  summary: 'Remove one of your second factors',
  description: 'With the last one go the recovery codes, and you log in with your password alone. A notice is sent.',
  access: 'user',
  params: IdParams,
  body: { schema: WithPasswordSchema, example: EXAMPLE_PASSWORD },
  answer: { status: 204, description: 'The second factor is removed' },
  refusals: ['password_wrong', 'second_factor_not_found', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

const renewRecoveryCodesEndpoint = {
  operationId: 'renewRecoveryCodes',
  method: 'post',
  path: '/v1/me/second-factors/recovery-codes',
  tag: 'Authentication',
  summary: 'Replace your recovery codes',
  description: 'A notice is sent.',
  access: 'user',
  body: { schema: WithPasswordSchema, example: EXAMPLE_PASSWORD },
  answer: {
    status: 200,
    description: 'The new codes; the old ones do not work any more',
    content: { schema: RecoveryCodesSchema, example: { recoveryCodes: EXAMPLE_RECOVERY_CODES } },
  },
  refusals: ['password_wrong', 'second_factor_not_found', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

export const listSecondFactorsRoute = route(
  listSecondFactorsEndpoint,
  ({ database, ledger }: AuthServices) =>
    async ({ principal }) => ({
      body: await secondFactorsJson(database, { ledger: ledger.name, userId: principal.id }),
    }),
);

export const enrolTotpRoute = route(
  enrolTotpEndpoint,
  (services: AuthServices) =>
    ({ principal, body: { password, name = TOTP_NAME_DEFAULT }, clientAddress }) =>
      services.passwords.use(async (hasher) => {
        const user = await checkOwnPassword(services, hasher, { principal, clientAddress, password });
        const secret = await enrolTotp(services, user, name);
        const labels = { issuer: services.secondFactors.serviceName, label: shownEmail(user.email) };
        return { body: { ...shownTotp(secret, labels), expiresIn: ENROLMENT_LIFETIME_S } };
      }),
);

export const confirmTotpRoute = route(
  confirmTotpEndpoint,
  (services: AuthServices) =>
    async ({ principal, body: { code }, clientAddress }) => {
      const headers = await services.codeAttempts.take(clientAddress, principal.id);
      const { secondFactor, recoveryCodes } = await confirmEnrolment(services, principal.id, code);
      return { body: { secondFactor: secondFactorJson(secondFactor), recoveryCodes: [...recoveryCodes] }, headers };
    },
);

export const removeSecondFactorRoute = route(
  removeSecondFactorEndpoint,
  (services: AuthServices) =>
    ({ principal, params: { id }, body: { password }, clientAddress }) =>
      services.passwords.use(async (hasher) => {
        const user = await checkOwnPassword(services, hasher, { principal, clientAddress, password });
        if (!isId(id)) throw secondFactorMissing();
        await removeOwnSecondFactor(services, user, id);
        return { body: undefined };
      }),
);

export const renewRecoveryCodesRoute = route(
  renewRecoveryCodesEndpoint,
  (services: AuthServices) =>
    ({ principal, body: { password }, clientAddress }) =>
      services.passwords.use(async (hasher) => {
        const user = await checkOwnPassword(services, hasher, { principal, clientAddress, password });
        return { body: { recoveryCodes: [...(await renewRecoveryCodes(services, user))] } };
      }),
);
