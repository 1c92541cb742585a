import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { CurrencyField } from '../../http/fields.js';
import { type LedgerServices, route } from '../../http/route.js';

const CurrencySchema = z
  .object({
    code: CurrencyField,
    scale: z.int().openapi({ description: 'Digits after the decimal point in major units', example: 2 }),
  })
  .openapi('Currency');

const RegisterCurrencySchema = z
  .strictObject({
    code: CurrencyField,
    scale: z
      .int()
      .min(0)
      .max(30)
      .openapi({ description: 'Digits after the decimal point; it cannot be changed later', example: 18 }),
  })
  .openapi('RegisterCurrency');

const getCurrencyEndpoint = {
  operationId: 'getCurrency',
  method: 'get',
  path: '/v1/currencies/{code}',
  tag: 'Wallets',
  summary: 'Get an ISO 4217 currency or an asset of this ledger',
  access: 'either',
  scope: 'ledger:read',
  params: z.object({ code: CurrencyField }),
  answer: {
    status: 200,
    description: 'The currency',
    content: { schema: CurrencySchema, example: { code: 'USD', scale: 2 } },
  },
  refusals: ['unknown_currency'],
} as const satisfies Endpoint;

const registerCurrencyEndpoint = {
  operationId: 'registerCurrency',
  method: 'post',
  path: '/v1/currencies',
  tag: 'Operators',
  summary: 'Register your own asset',
  description:
    'ISO 4217 currencies need no registration. Registering the same asset again is harmless; another scale is refused.',
  access: 'operator',
  scope: 'ledger:write',
  subject: 'code',
  body: { schema: RegisterCurrencySchema, example: { code: 'ETH', scale: 18 } },
  answer: {
    status: 201,
    description: 'The currency',
    content: { schema: CurrencySchema, example: { code: 'ETH', scale: 18 } },
  },
  refusals: ['unknown_currency', 'currency_scale_fixed'],
} as const satisfies Endpoint;

export const getCurrencyRoute = route(getCurrencyEndpoint, ({ ledger }: LedgerServices) => async ({ params }) => ({
  body: await ledger.currencies.get(params.code),
}));

export const registerCurrencyRoute = route(
  registerCurrencyEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ body }) => ({
      body: await ledger.currencies.register(body),
    }),
);
