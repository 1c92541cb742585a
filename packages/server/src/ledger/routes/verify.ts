import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { type LedgerServices, route } from '../../http/route.js';

const VerifyProblemSchema = z
  .object({
    kind: z.string(),
    accountId: z.string().nullable(),
    transferId: z.string().nullable(),
    expected: z.string(),
    found: z.string(),
  })
  .openapi('VerifyProblem');

const VerifyReportSchema = z
  .object({
    ok: z.boolean(),
    accounts: z.int(),
    transfers: z.int(),
    problems: z.array(VerifyProblemSchema).openapi({ description: 'The first 1,000 problems' }),
    problemsFound: z.int(),
  })
  .openapi('VerifyReport');

const verifyEndpoint = {
  operationId: 'verify',
  method: 'get',
  path: '/v1/verify',
  tag: 'Operators',
  summary: 'Recompute every balance from the journal',
  description: 'The status is 200 even if problems are found: then `ok` is false and `problems` names the rows.',
  access: 'staff',
  scope: 'ledger:read',
  answer: {
    status: 200,
    description: 'The report',
    content: {
      schema: VerifyReportSchema,
      example: { ok: true, accounts: 3, transfers: 2, problems: [], problemsFound: 0 },
    },
  },
  refusals: [],
} as const satisfies Endpoint;

export const verifyRoute = route(verifyEndpoint, ({ ledger }: LedgerServices) => async () => {
  const report = await ledger.verify();
  return { body: { ...report, problems: [...report.problems] } };
});
