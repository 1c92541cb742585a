import { z } from '@hono/zod-openapi';
import { parseAmount } from '@micropay/ledger-core';
import type { Endpoint } from '../../http/endpoint.js';
import {
  AmountField,
  CurrencyField,
  DryRunField,
  EXAMPLE_IDS,
  IdParams,
  PageQuery,
  WalletIdField,
} from '../../http/fields.js';
import { cursorToPlace, pageOf, placeIn } from '../../http/page.js';
import { route } from '../../http/route.js';
import { POSTING_REFUSALS } from '../../transfers/posting-refusals.js';
import {
  DestinationField,
  EXAMPLE_ENDED,
  EXAMPLE_PAYOUT,
  PayoutPageSchema,
  PayoutSchema,
  payoutAnswer,
  payoutJson,
} from '../payout-json.js';
import { findPayout, listOwnPayouts } from '../payout-store.js';
import { type PayoutServices, requestPayout } from '../request-payout.js';
import { cancelPayout } from '../settle-payout.js';

const PAGE_LIMIT = 50;

const RequestPayoutSchema = z
  .strictObject({
    from: WalletIdField,
    amount: AmountField,
    currency: CurrencyField,
    destination: DestinationField,
    dryRun: DryRunField.optional(),
  })
  .openapi('RequestPayout');

const requestPayoutEndpoint = {
  operationId: 'requestPayout',
  method: 'post',
  path: '/v1/payouts',
  tag: 'Payouts',
  summary: 'Ask for a payout from one of your wallets',
  description:
    'Sets the money aside until the payout is paid, fails or is cancelled. You may cancel it until it is taken up. A repeated request gets the payout as it is now.',
  access: 'user',
  idempotencyKey: 'required',
  dryRun: true,
  body: {
    schema: RequestPayoutSchema,
    example: {
      from: EXAMPLE_IDS.wallet,
      amount: EXAMPLE_PAYOUT.amount,
      currency: EXAMPLE_PAYOUT.currency,
      destination: EXAMPLE_PAYOUT.destination,
    },
  },
  answer: {
    status: 201,
    description: 'The payout',
    content: { schema: PayoutSchema, example: EXAMPLE_PAYOUT },
  },
  refusals: [...POSTING_REFUSALS, 'email_unverified'],
} as const satisfies Endpoint;

const listOwnPayoutsEndpoint = {
  operationId: 'listOwnPayouts',
  method: 'get',
  path: '/v1/me/payouts',
  tag: 'Payouts',
  summary: 'List your payouts, the newest first',
  access: 'user',
  query: PageQuery,
  answer: {
    status: 200,
    description: 'A page of payouts',
    content: { schema: PayoutPageSchema, example: { data: [EXAMPLE_PAYOUT], nextCursor: null } },
  },
  refusals: ['invalid_cursor'],
} as const satisfies Endpoint;

const getPayoutEndpoint = {
  operationId: 'getPayout',
  method: 'get',
  path: '/v1/payouts/{id}',
  tag: 'Payouts',
  summary: 'Get a payout',
  description: 'Open to its user and to operators.',
  access: 'either',
  scope: 'payouts:read',
  params: IdParams,
  answer: { status: 200, description: 'The payout', content: { schema: PayoutSchema, example: EXAMPLE_PAYOUT } },
  refusals: ['payout_not_found'],
} as const satisfies Endpoint;

const cancelPayoutEndpoint = {
  operationId: 'cancelPayout',
  method: 'post',
  path: '/v1/payouts/{id}/cancel',
  tag: 'Payouts',
  summary: 'Cancel one of your payouts',
  description: 'Until it is taken up. The money is available again.',
  access: 'user',
  params: IdParams,
  idempotencyKey: 'required',
  answer: {
    status: 200,
    description: 'The payout',
    content: { schema: PayoutSchema, example: { ...EXAMPLE_PAYOUT, ...EXAMPLE_ENDED, state: 'cancelled' } },
  },
  refusals: [...POSTING_REFUSALS, 'payout_not_found', 'payout_processing', 'payout_ended', 'hold_closed'],
} as const satisfies Endpoint;

export const requestPayoutRoute = route(
  requestPayoutEndpoint,
  (services: PayoutServices) =>
    async ({ principal, idempotencyKey, body: { amount, dryRun = false, ...body } }) =>
      payoutAnswer(
        await requestPayout(services, principal, { ...body, amount: parseAmount(amount), dryRun, idempotencyKey }),
      ),
);

export const listOwnPayoutsRoute = route(
  listOwnPayoutsEndpoint,
  ({ database, ledger }: PayoutServices) =>
    async ({ principal: { id: userId }, query: { limit = PAGE_LIMIT, cursor } }) => {
      const owner = `${ledger.name}:payouts:${userId}`;
      const after = cursor === undefined ? undefined : placeIn(owner, cursor);
      const payouts = await listOwnPayouts(database, ledger.name, { userId, after, limit: limit + 1 });
      const page = pageOf(payouts, limit, ({ createdAt: at, id }) => cursorToPlace(owner, { at, id }));
      return { body: { data: page.data.map(payoutJson), nextCursor: page.nextCursor } };
    },
);

export const getPayoutRoute = route(
  getPayoutEndpoint,
  ({ database, ledger }: PayoutServices) =>
    async ({ principal, params: { id } }) => {
      const userId = principal.kind === 'user' ? principal.id : undefined;
      return { body: payoutJson(await findPayout(database, ledger.name, { id, userId })) };
    },
);

export const cancelPayoutRoute = route(
  cancelPayoutEndpoint,
  (services: PayoutServices) =>
    async ({ principal, params: { id }, idempotencyKey }) =>
      payoutAnswer(await cancelPayout(services, principal, { id, idempotencyKey })),
);
