import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { CurrencyField } from '../../http/fields.js';
import { route } from '../../http/route.js';
import { EmailField } from '../../users/email-field.js';
import { userJson } from '../../users/user-json.js';
import { EXAMPLE_WALLET, WalletSchema, walletJson } from '../../wallets/wallet-json.js';
import type { AuthServices } from '../auth-services.js';
import { NewPasswordField } from '../passwords/password-field.js';
import { refuseWeakPassword } from '../passwords/refuse-weak-password.js';
import { registerUser } from '../register-user.js';
import { EXAMPLE_SESSION, SessionSchema } from '../session-json.js';

const DISPLAY_NAME_LENGTH_MAX = 100;
/** No control, and none that turns the direction of the text around it, by which one name can be shown as another. */
const DISPLAYABLE = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]*$';
const CURRENCY_DEFAULT = 'USD';

const DisplayNameField = z
  .string()
  .refine((text) => isLengthWithin([...text].length), `must have 1 to ${DISPLAY_NAME_LENGTH_MAX} characters`)
  .regex(new RegExp(DISPLAYABLE, 'u'), 'must not contain control characters')
  .transform((text) => text.normalize('NFC'))
  .openapi({ type: 'string', minLength: 1, maxLength: DISPLAY_NAME_LENGTH_MAX, pattern: DISPLAYABLE });

function isLengthWithin(characters: number): boolean {
  return characters >= 1 && characters <= DISPLAY_NAME_LENGTH_MAX;
}

const RegisterSchema = z
  .strictObject({
    email: EmailField,
    password: NewPasswordField,
    displayName: DisplayNameField.optional(),
    currency: CurrencyField.optional().openapi({ description: 'Currency of the first wallet; default USD' }),
  })
  .openapi('Register');

const RegisteredSchema = SessionSchema.extend({ wallet: WalletSchema }).openapi('Registered');

const registerEndpoint = {
  operationId: 'register',
  method: 'post',
  path: '/v1/auth/register',
  tag: 'Authentication',
  summary: 'Register a user with a first wallet',
  description:
    'Creates the user and the wallet together, or neither. A mail brings a link that confirms the email, if the server sends mails.',
  access: 'anyone',
  body: {
    schema: RegisterSchema,
    example: { email: 'alice@example.com', password: 'correct horse battery', displayName: 'Alice', currency: 'USD' },
  },
  answer: {
    status: 201,
    description: 'The new user, wallet and session',
    content: { schema: RegisteredSchema, example: { ...EXAMPLE_SESSION, wallet: EXAMPLE_WALLET } },
  },
  refusals: ['unknown_currency', 'email_taken', 'password_weak', 'rate_limited', 'overloaded'],
} as const satisfies Endpoint;

export const registerRoute = route(
  registerEndpoint,
  (services: AuthServices) =>
    ({ body, clientAddress, userAgent }) =>
      services.passwords.use(async ({ hash }) => {
        const headers = await services.loginAttempts.take(clientAddress, body.email);
        refuseWeakPassword(body.password, body.email);
        // Hashed before the transaction begins: it takes long, and a connection is not to wait for it.
        const passwordHash = await hash(body.password);
        const client = { clientAddress, userAgent };
        const registration = { ...body, passwordHash, currency: body.currency ?? CURRENCY_DEFAULT, client };
        const { user, wallet, tokens } = await registerUser(services, registration);
        return { body: { user: userJson(user), wallet: walletJson(wallet), ...tokens }, headers };
      }),
);
