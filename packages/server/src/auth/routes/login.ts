import { z } from '@hono/zod-openapi';
import { ProblemError } from '../../errors/problem.js';
import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import { EmailField } from '../../users/email-field.js';
import { userJson } from '../../users/user-json.js';
import { findUserByEmail, lockUser } from '../../users/users.js';
import type { AuthServices } from '../auth-services.js';
import { beginSession } from '../begin-session.js';
import { PasswordField } from '../passwords/password-field.js';
import { beginLoginChallenge, CHALLENGE_LIFETIME_S } from '../second-factor/login-challenge.js';
import { LoginChallengeSchema } from '../second-factor/second-factor-json.js';
import { loginMethodsOf } from '../second-factor/second-factor-store.js';
import { EXAMPLE_SESSION, SessionSchema } from '../session-json.js';

const LoginSchema = z
  .strictObject({
    email: EmailField,
    password: PasswordField,
  })
  .openapi('Login');

/** Told apart by the member `challenge`. */
const LoginAnswerSchema = z.union([SessionSchema, LoginChallengeSchema]).openapi('LoginAnswer');

const loginEndpoint = {
  operationId: 'login',
  method: 'post',
  path: '/v1/auth/login',
  tag: 'Authentication',
  summary: 'Log in with email and password',
  description:
    'For a user with a second factor the response has a `challenge` and no session: `POST /v1/auth/login/complete` completes the login.',
  access: 'anyone',
  body: {
    schema: LoginSchema,
    example: { email: 'alice@example.com', password: 'correct horse battery' },
  },
  answer: {
    status: 200,
    description: 'The new session, or a challenge for a second factor',
    content: { schema: LoginAnswerSchema, example: EXAMPLE_SESSION },
  },
  refusals: ['invalid_credentials', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

export const loginRoute = route(
  loginEndpoint,
  (services: AuthServices) =>
    ({ body: { email, password }, clientAddress, userAgent }) =>
      services.passwords.use(async ({ matches }) => {
        const { database, ledger, loginAttempts } = services;
        const headers = await loginAttempts.take(clientAddress, email);
        const user = await findUserByEmail(database, ledger.name, email);
        const isRight = await matches(password, user?.passwordHash ?? undefined);
        const wrong = () => new ProblemError('invalid_credentials', 'the email or the password is wrong', { headers });
        if (user === undefined || !isRight) throw wrong();
        const answer = await database.transaction().execute(async (transaction) => {
          // A change of the password ends all sessions: none may begin with the old one while it is made.
          const locked = await lockUser(transaction, ledger.name, user.id);
          if (locked?.passwordHash !== user.passwordHash) throw wrong();
          const owner = { ledger: ledger.name, userId: user.id };
          const methods = await loginMethodsOf(transaction, owner);
          if (methods.length > 0) {
            const challenge = await beginLoginChallenge(transaction, owner);
            return { challenge, methods: [...methods], expiresIn: CHALLENGE_LIFETIME_S };
          }
          const client = { clientAddress, userAgent };
          const tokens = await beginSession(services, transaction, { userId: user.id, client });
          return { user: userJson(user), ...tokens };
        });
        return { body: answer, headers };
      }),
);
