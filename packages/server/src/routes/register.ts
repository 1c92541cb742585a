import { z } from '@hono/zod-openapi';
import { PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from '../auth/password.js';
import { EXAMPLE_SESSION, SessionSchema } from '../auth/session-json.js';
import type { Endpoint } from '../http/endpoint.js';
import { CurrencyField, EmailField } from '../http/fields.js';
import { route } from '../http/route.js';
import { registerUser } from '../users/register-user.js';
import { userJson } from '../users/user-json.js';
import { EXAMPLE_WALLET, WalletSchema, walletJson } from '../wallets/wallet-json.js';

const DISPLAY_NAME_LENGTH_MAX = 100;
const CURRENCY_DEFAULT = 'USD';

const RegisterSchema = z
  .strictObject({
    email: EmailField,
    password: z.string().min(PASSWORD_LENGTH_MIN).max(PASSWORD_LENGTH_MAX).openapi({ format: 'password' }),
    displayName: z
      .string()
      .min(1)
      .max(DISPLAY_NAME_LENGTH_MAX)
      .refine((text) => !/\p{Cc}/u.test(text), 'must not contain control characters')
      .optional(),
    currency: CurrencyField.optional().openapi({ description: 'Currency of the first wallet; USD when left out' }),
  })
  .openapi('Register');

const RegisteredSchema = SessionSchema.extend({ wallet: WalletSchema }).openapi('Registered');

const registerEndpoint = {
  operationId: 'register',
  method: 'post',
  path: '/v1/auth/register',
  tag: 'Authentication',
  summary: 'Register a user with a first wallet',
  description: 'User and wallet are made together or not at all.',
  access: 'anyone',
  body: {
    schema: RegisterSchema,
    example: { email: 'alice@example.com', password: 'correct horse battery', displayName: 'Alice', currency: 'USD' },
  },
  answer: {
    status: 201,
    description: 'Registered, and logged in',
    content: { schema: RegisteredSchema, example: { ...EXAMPLE_SESSION, wallet: EXAMPLE_WALLET } },
  },
  refusals: ['unknown_currency', 'email_taken', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

export const registerRoute = route(registerEndpoint, (services) => async ({ body, clientAddress }) => {
  const headers = services.loginAttempts.take(clientAddress, body.email);
  const registration = { ...body, currency: body.currency ?? CURRENCY_DEFAULT };
  const { user, wallet, tokens } = await registerUser(services, registration);
  return { body: { user: userJson(user), wallet: walletJson(wallet), ...tokens }, headers };
});
