import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { ReasonField, ReferenceParams } from '../../http/fields.js';
import { given } from '../../http/given.js';
import { type LedgerServices, route } from '../../http/route.js';
import { auditOf } from '../../identity/audit.js';
import { AccountSchema, accountJson, EXAMPLE_ACCOUNT, LimitField, limitsOf } from '../account-json.js';
import { ChangeReasonSchema, FreezeSchema } from '../freeze-fields.js';

const LimitsSchema = z
  .strictObject({ minimum: LimitField.optional(), maximum: LimitField.optional(), reason: ReasonField.optional() })
  .refine(
    ({ minimum, maximum }) => minimum !== undefined || maximum !== undefined,
    'must have a minimum, a maximum or both',
  )
  .openapi('NewLimits', { anyOf: [{ required: ['minimum'] }, { required: ['maximum'] }] });

const setAccountLimitsEndpoint = {
  operationId: 'setAccountLimits',
  method: 'post',
  path: '/v1/accounts/{id}/limits',
  tag: 'Operators',
  summary: 'Change the limits of an account',
  description:
    'Names the account by id or address. Limits that the current balance, including holds, would break are refused.',
  access: 'operator',
  scope: 'accounts:write',
  params: ReferenceParams,
  body: { schema: LimitsSchema, example: { minimum: '-10000', reason: 'Ticket 1042' } },
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
  tag: 'Operators',
  summary: 'Close an account permanently',
  description: 'Names the account by id or address. Its balance must be zero, and nothing may be held.',
  access: 'operator',
  scope: 'accounts:write',
  params: ReferenceParams,
  body: { schema: ChangeReasonSchema, example: { reason: 'Ticket 1042' }, optional: true },
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

const freezeAccountEndpoint = {
  operationId: 'freezeAccount',
  method: 'post',
  path: '/v1/accounts/{id}/freeze',
  tag: 'Operators',
  summary: 'Freeze an account',
  description:
    'Names the account by id or address. New transfers, holds and captures on the chosen side are refused; holds can still ' +
    'be released. A later call replaces the side.',
  access: 'staff',
  scope: 'accounts:freeze',
  params: ReferenceParams,
  body: { schema: FreezeSchema, example: { side: 'debits', reason: 'Ticket 1042' }, optional: true },
  answer: {
    status: 200,
    description: 'The account, frozen',
    content: { schema: AccountSchema, example: { ...EXAMPLE_ACCOUNT, status: 'frozen_debits' } },
  },
  refusals: ['account_not_found', 'account_closed', 'account_busy'],
} as const satisfies Endpoint;

const unfreezeAccountEndpoint = {
  operationId: 'unfreezeAccount',
  method: 'post',
  path: '/v1/accounts/{id}/unfreeze',
  tag: 'Operators',
  summary: 'Unfreeze an account',
  description: 'Names the account by id or address.',
  access: 'staff',
  scope: 'accounts:freeze',
  params: ReferenceParams,
  body: { schema: ChangeReasonSchema, example: { reason: 'Ticket 1042' }, optional: true },
  answer: {
    status: 200,
    description: 'The account, open',
    content: { schema: AccountSchema, example: EXAMPLE_ACCOUNT },
  },
  refusals: ['account_not_found', 'account_closed', 'account_busy'],
} as const satisfies Endpoint;

export const freezeAccountRoute = route(
  freezeAccountEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, body }) => {
      const { side, reason } = body;
      const account = await ledger.accounts.freeze(params.id, { ...given({ side }), ...auditOf(principal, reason) });
      return { body: accountJson(account) };
    },
);

export const unfreezeAccountRoute = route(
  unfreezeAccountEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, body }) => ({
      body: accountJson(await ledger.accounts.unfreeze(params.id, auditOf(principal, body.reason))),
    }),
);

export const setAccountLimitsRoute = route(
  setAccountLimitsEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, body }) => {
      const limits = { ...limitsOf(body), ...auditOf(principal, body.reason) };
      return { body: accountJson(await ledger.accounts.setLimits(params.id, limits)) };
    },
);

export const closeAccountRoute = route(
  closeAccountEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, body }) => {
      const account = await ledger.accounts.close(params.id, auditOf(principal, body.reason));
      return { body: accountJson(account) };
    },
);
