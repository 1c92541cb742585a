import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import { EmailField } from '../../users/email-field.js';
import type { AuthServices } from '../auth-services.js';
import { confirmNewEmail } from '../change-email.js';
import { checkOwnPassword } from '../check-own-password.js';
import { EXAMPLE_LINK_TOKEN, LinkTokenSchema } from '../links/link-json.js';
import { requireMails } from '../links/require-mails.js';
import { PasswordField } from '../passwords/password-field.js';

const ChangeEmailSchema = z.strictObject({ email: EmailField, password: PasswordField }).openapi('ChangeEmail');

const requestEmailChangeEndpoint = {
  operationId: 'requestEmailChange',
  method: 'post',
  path: '/v1/me/email-changes',
  tag: 'Authentication',
  summary: 'Ask to change your email',
  description:
    'A mail to the new email brings a link that works once and for a day. Nothing changes until it is opened. The ' +
    'response is the same if somebody else has the email.',
  access: 'user',
  body: { schema: ChangeEmailSchema, example: { email: 'alice@example.org', password: 'correct horse battery' } },
  answer: { status: 202, description: 'A mail is sent to the new email' },
  refusals: ['password_wrong', 'mail_off', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

const completeEmailChangeEndpoint = {
  operationId: 'completeEmailChange',
  method: 'post',
  path: '/v1/auth/email-changes/complete',
  tag: 'Authentication',
  summary: 'Confirm a new email with the link of a mail',
  description:
    'From then on you log in with it. A notice goes to the former email, and the links that were sent there end.',
  access: 'anyone',
  body: { schema: LinkTokenSchema, example: { token: EXAMPLE_LINK_TOKEN } },
  answer: { status: 204, description: 'The email is changed, and confirmed' },
  refusals: ['link_invalid', 'email_taken', 'rate_limited'],
} as const satisfies Endpoint;

export const requestEmailChangeRoute = route(
  requestEmailChangeEndpoint,
  (services: AuthServices) =>
    ({ principal, body, clientAddress }) =>
      services.passwords.use(async (hasher) => {
        requireMails(services.mails);
        const user = await checkOwnPassword(services, hasher, { principal, clientAddress, password: body.password });
        const headers = await services.mailAttempts.take(clientAddress, body.email);
        await services.mails.add(services.database, { kind: 'email_change', to: body.email, userId: user.id });
        return { body: undefined, headers };
      }),
);

export const completeEmailChangeRoute = route(
  completeEmailChangeEndpoint,
  (services: AuthServices) =>
    async ({ body: { token }, clientAddress }) => {
      const headers = await services.linkAttempts.take(clientAddress, token);
      await confirmNewEmail(services, token);
      return { body: undefined, headers };
    },
);
