import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import type { AuthServices } from '../auth-services.js';
import { checkOwnPassword } from '../check-own-password.js';
import { closeAccount } from '../close-account.js';
import { PasswordField } from '../passwords/password-field.js';

const CloseMyAccountSchema = z.strictObject({ password: PasswordField }).openapi('CloseMyAccount');

const closeMyAccountEndpoint = {
  operationId: 'closeMyAccount',
  method: 'post',
  path: '/v1/me/close',
  tag: 'Authentication',
  summary: 'Close your account and erase your personal data',
  description:
    'Your wallets must be empty, without holds, and not frozen; they are closed. Your email, name, sessions, mails, notifications and the ' +
    'destinations of your payouts are erased, and the email is free again. What was paid stays in the books, which name you by an id alone. This cannot be undone.',
  access: 'user',
  body: { schema: CloseMyAccountSchema, example: { password: 'correct horse battery' } },
  answer: { status: 204, description: 'The account is closed' },
  refusals: [
    'password_wrong',
    'payout_open',
    'account_not_empty',
    'account_frozen',
    'account_busy',
    'rate_limited',
    'overloaded',
  ],
} as const satisfies Endpoint;

export const closeMyAccountRoute = route(
  closeMyAccountEndpoint,
  (services: AuthServices) =>
    ({ principal, body: { password }, clientAddress }) =>
      services.passwords.use(async (hasher) => {
        const user = await checkOwnPassword(services, hasher, { principal, clientAddress, password });
        await closeAccount(services, user.id, user.passwordHash);
        return { body: undefined };
      }),
);
