import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { AddressField, CurrencyField, MinorUnitsField, wholeNumberParameter } from '../../http/fields.js';
import { type LedgerServices, route } from '../../http/route.js';
import { AccountTypeField } from '../account-json.js';

const AggregateLineSchema = z
  .object({
    path: z.string().openapi({ description: 'The first segments of the accounts’ addresses' }),
    currency: CurrencyField,
    type: AccountTypeField,
    accounts: z.int(),
    debits: MinorUnitsField,
    credits: MinorUnitsField,
    posted: MinorUnitsField.openapi({ description: 'Positive on the normal side of the account type' }),
    pendingIn: MinorUnitsField,
    pendingOut: MinorUnitsField,
  })
  .openapi('AggregateLine');

const aggregateAccountsEndpoint = {
  operationId: 'aggregateAccounts',
  method: 'get',
  path: '/v1/aggregate',
  tag: 'Operators',
  summary: 'Sum balances by path, currency and type',
  description:
    'All lines come from one snapshot. More than 10,000 lines are refused: choose a smaller depth or a longer path.',
  access: 'staff',
  scope: 'accounts:read',
  query: z.strictObject({
    path: AddressField.optional().openapi({
      description: 'Include only this address and those below it; made of whole segments',
      example: 'users',
    }),
    depth: wholeNumberParameter({ min: 1, max: 200 })
      .optional()
      .openapi({ description: 'How many segments to group by; default: one more than `path` has' }),
    type: AccountTypeField.optional(),
  }),
  answer: {
    status: 200,
    description: 'The lines, in order of path',
    content: {
      schema: z.object({ data: z.array(AggregateLineSchema) }).openapi('Aggregate'),
      example: {
        data: [
          {
            path: 'users',
            currency: 'USD',
            type: 'liability',
            accounts: 2,
            debits: '1250',
            credits: '6250',
            posted: '5000',
            pendingIn: '0',
            pendingOut: '0',
          },
        ],
      },
    },
  },
  refusals: ['invalid_address'],
} as const satisfies Endpoint;

export const aggregateAccountsRoute = route(
  aggregateAccountsEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ query }) => {
      const { path, depth, type } = query;
      const lines = await ledger.accounts.aggregate({
        ...(path === undefined ? {} : { path }),
        ...(depth === undefined ? {} : { depth }),
        ...(type === undefined ? {} : { type }),
      });
      const data = lines.map(({ debits, credits, posted, pendingIn, pendingOut, ...line }) => ({
        ...line,
        debits: String(debits),
        credits: String(credits),
        posted: String(posted),
        pendingIn: String(pendingIn),
        pendingOut: String(pendingOut),
      }));
      return { body: { data } };
    },
);
