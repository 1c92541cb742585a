import { z } from '@hono/zod-openapi';
import { AccountSchema, accountJson, EXAMPLE_ACCOUNT, LimitField, limitsOf } from '../accounts/account-json.js';
import type { Endpoint } from '../http/endpoint.js';
import { IdParams } from '../http/fields.js';
import { route } from '../http/route.js';

const ReasonField = z
  .string()
  .min(1)
  .max(255)
  .optional()
  .openapi({ description: 'Why, for the event of the change; no personal data', example: 'case 1042' });

const CloseAccountSchema = z.strictObject({ reason: ReasonField }).openapi('CloseAccount');
const LimitsSchema = z
  .strictObject({ minimum: LimitField.optional(), maximum: LimitField.optional(), reason: ReasonField })
  .openapi('NewLimits');

const setAccountLimitsEndpoint = {
  operationId: 'setAccountLimits',
  method: 'post',
  path: '/v1/accounts/{id}/limits',
  tag: 'Operation',
  summary: 'Change the limits of an account',
  description: 'By its id or its address. Limits that the present balance breaks, what is held included, are refused.',
  access: 'operator',
  params: IdParams,
  body: { schema: LimitsSchema, example: { minimum: '-10000', reason: 'case 1042' } },
  answer: {
    status: 200,
    description: 'The account',
    content: { schema: AccountSchema, example: { ...EXAMPLE_ACCOUNT, minimum: '-10000', available: '10290' } },
  },
  refusals: ['account_not_found', 'account_closed', 'limit_broken', 'account_busy'],
} as const satisfies Endpoint;

const closeAccountEndpoint = {
  operationId: 'closeAccount',
  method: 'post',
  path: '/v1/accounts/{id}/close',
  tag: 'Operation',
  summary: 'Close an account for ever',
  description: 'By its id or its address, once it is empty and nothing is held.',
  access: 'operator',
  params: IdParams,
  body: { schema: CloseAccountSchema, example: { reason: 'case 1042' } },
  answer: {
    status: 200,
    description: 'The account, closed',
    content: {
      schema: AccountSchema,
      example: { ...EXAMPLE_ACCOUNT, status: 'closed', posted: '0', available: '0' },
    },
  },
  refusals: ['account_not_found', 'account_not_empty', 'account_busy'],
} as const satisfies Endpoint;

/** Who and why, for the event. */
function auditOf(operator: string, reason: string | undefined) {
  return { by: `operator:${operator}`, ...(reason === undefined ? {} : { reason }) };
}

export const setAccountLimitsRoute = route(
  setAccountLimitsEndpoint,
  ({ ledger }) =>
    async ({ principal, params, body }) => {
      const limits = { ...limitsOf(body), ...auditOf(principal.id, body.reason) };
      return { body: accountJson(await ledger.accounts.setLimits(params.id, limits)) };
    },
);

export const closeAccountRoute = route(closeAccountEndpoint, ({ ledger }) => async ({ principal, params, body }) => {
  const account = await ledger.accounts.close(params.id, auditOf(principal.id, body.reason));
  return { body: accountJson(account) };
});
