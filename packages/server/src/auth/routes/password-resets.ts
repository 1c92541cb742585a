import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import { EmailField } from '../../users/email-field.js';
import type { AuthServices } from '../auth-services.js';
import { EXAMPLE_LINK_TOKEN, LinkTokenField } from '../links/link-json.js';
import { requireMails } from '../links/require-mails.js';
import { NewPasswordField } from '../passwords/password-field.js';
import { resetPassword } from '../reset-password.js';

const PasswordResetSchema = z.strictObject({ email: EmailField }).openapi('PasswordReset');

const CompletePasswordResetSchema = z
  .strictObject({ token: LinkTokenField, password: NewPasswordField })
  .openapi('CompletePasswordReset');

const requestPasswordResetEndpoint = {
  operationId: 'requestPasswordReset',
  method: 'post',
  path: '/v1/auth/password-resets',
  tag: 'Authentication',
  summary: 'Ask for a mail to reset a forgotten password',
  description:
    'The response, and the time it takes, are the same whether somebody has this email. If somebody has, a mail brings a link that ' +
    'works once and for an hour. Requests for one email within a minute send one mail, and five mails are sent within an hour.',
  access: 'anyone',
  body: { schema: PasswordResetSchema, example: { email: 'alice@example.com' } },
  answer: { status: 202, description: 'A mail is sent if somebody has this email' },
  refusals: ['mail_off', 'rate_limited'],
} as const satisfies Endpoint;

const completePasswordResetEndpoint = {
  operationId: 'completePasswordReset',
  method: 'post',
  path: '/v1/auth/password-resets/complete',
  tag: 'Authentication',
  summary: 'Choose a new password with the link of a mail',
  description:
    'Ends every session of the user, and sends a notice. If the email was not confirmed before, second factors are removed. Log in with the new ' +
    'password afterwards.',
  access: 'anyone',
  body: {
    schema: CompletePasswordResetSchema,
    example: { token: EXAMPLE_LINK_TOKEN, password: 'staple battery horse' },
  },
  answer: { status: 204, description: 'The password is changed' },
  refusals: ['link_invalid', 'password_weak', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

export const requestPasswordResetRoute = route(
  requestPasswordResetEndpoint,
  ({ database, mails, mailAttempts }: AuthServices) =>
    async ({ body: { email }, clientAddress }) => {
      requireMails(mails);
      const headers = await mailAttempts.take(clientAddress, email);
      // Whether somebody has this email is looked up when the mail is sent: here, time would tell.
      await mails.add(database, { kind: 'password_reset', to: email });
      return { body: undefined, headers };
    },
);

export const completePasswordResetRoute = route(
  completePasswordResetEndpoint,
  (services: AuthServices) =>
    async ({ body, clientAddress }) => {
      const headers = await services.linkAttempts.take(clientAddress, body.token);
      await resetPassword(services, body);
      return { body: undefined, headers };
    },
);
