import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import type { AuthServices } from '../auth-services.js';
import { changePassword } from '../change-password.js';
import { checkOwnPassword } from '../check-own-password.js';
import { NewPasswordField, PasswordField } from '../passwords/password-field.js';
import { refuseWeakPassword } from '../passwords/refuse-weak-password.js';

const ChangePasswordSchema = z
  .strictObject({ currentPassword: PasswordField, newPassword: NewPasswordField })
  .openapi('ChangePassword');

const changePasswordEndpoint = {
  operationId: 'changePassword',
  method: 'post',
  path: '/v1/me/password',
  tag: 'Authentication',
  summary: 'Change your password',
  description: 'Ends your other sessions and the links that were sent to you, and sends a notice.',
  access: 'user',
  body: {
    schema: ChangePasswordSchema,
    example: { currentPassword: 'correct horse battery', newPassword: 'staple battery horse' },
  },
  answer: { status: 204, description: 'The password is changed' },
  refusals: ['password_wrong', 'password_weak', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

export const changePasswordRoute = route(
  changePasswordEndpoint,
  (services: AuthServices) =>
    ({ principal, body, clientAddress }) =>
      services.passwords.use(async (hasher) => {
        const asked = { principal, clientAddress, password: body.currentPassword };
        const user = await checkOwnPassword(services, hasher, asked);
        refuseWeakPassword(body.newPassword, user.email);
        const passwordHash = await hasher.hash(body.newPassword);
        await changePassword(services, { user, passwordHash, sessionId: principal.sessionId });
        return { body: undefined };
      }),
);
