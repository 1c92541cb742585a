import { z } from '@hono/zod-openapi';
import { AccountTypeField } from '../../accounts/account-json.js';
import type { Endpoint } from '../../http/endpoint.js';
import { CurrencyField, MinorUnitsField } from '../../http/fields.js';
import { AsOfQuery, momentAskedFor } from '../../http/moment-fields.js';
import { type LedgerServices, route } from '../../http/route.js';

const SidesSchema = z.object({ currency: CurrencyField, debits: MinorUnitsField, credits: MinorUnitsField });

const TrialBalanceSchema = z
  .object({
    lines: z.array(SidesSchema.extend({ type: AccountTypeField, accounts: z.int() })),
    totals: z.array(SidesSchema).openapi({ description: 'Debits and credits of each currency; the two must be equal' }),
    balanced: z.boolean(),
  })
  .openapi('TrialBalance');

const trialBalanceEndpoint = {
  operationId: 'trialBalance',
  method: 'get',
  path: '/v1/trial-balance',
  tag: 'Operators',
  summary: 'Get the trial balance: debits and credits by currency and account type, now or as of a past time',
  access: 'staff',
  scope: 'ledger:read',
  query: AsOfQuery,
  answer: {
    status: 200,
    description: 'The trial balance',
    content: {
      schema: TrialBalanceSchema,
      example: {
        lines: [
          { currency: 'USD', type: 'asset', accounts: 1, debits: '5000', credits: '0' },
          { currency: 'USD', type: 'liability', accounts: 2, debits: '1250', credits: '6250' },
        ],
        totals: [{ currency: 'USD', debits: '6250', credits: '6250' }],
        balanced: true,
      },
    },
  },
  refusals: [],
} as const satisfies Endpoint;

export const trialBalanceRoute = route(trialBalanceEndpoint, ({ ledger }: LedgerServices) => async ({ query }) => {
  const { lines, totals, balanced } = await ledger.trialBalance(momentAskedFor(query));
  const sides = <Sums extends { debits: bigint; credits: bigint }>(sums: Sums) => ({
    ...sums,
    debits: String(sums.debits),
    credits: String(sums.credits),
  });
  return { body: { lines: lines.map(sides), totals: totals.map(sides), balanced } };
});
