import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, PageQuery, ReasonField, ReferenceField } from '../../http/fields.js';
import { cursorToPlace, pageOf, placeIn } from '../../http/page.js';
import { route } from '../../http/route.js';
import { POSTING_REFUSALS } from '../../transfers/posting-refusals.js';
import {
  EXAMPLE_ENDED,
  EXAMPLE_PAYOUT,
  EXAMPLE_TAKEN,
  PayoutPageSchema,
  PayoutSchema,
  PayoutStateField,
  payoutAnswer,
  payoutJson,
} from '../payout-json.js';
import { listPayouts } from '../payout-store.js';
import type { PayoutServices } from '../request-payout.js';
import { failPayout, payPayout, takePayout } from '../settle-payout.js';

const PAGE_LIMIT = 50;
const EXAMPLE_REFERENCE = 'po_1042';
const EXAMPLE_REASON = 'The bank does not know the account';

const PayoutsQuery = PageQuery.extend({
  state: PayoutStateField.optional().openapi({ description: 'Default: `requested`, the queue' }),
});

const PayPayoutSchema = z
  .strictObject({
    reference: ReferenceField.openapi({
      description:
        'What the provider calls the payment, which becomes the reference of the transfer. Stored permanently, and shown to the user: no personal data',
      example: EXAMPLE_REFERENCE,
    }),
  })
  .openapi('PayPayout');

const FailPayoutSchema = z
  .strictObject({
    reason: ReasonField.openapi({
      description: 'Shown to the user. Stored permanently: do not put personal data here',
      example: EXAMPLE_REASON,
    }),
  })
  .openapi('FailPayout');

const listPayoutsEndpoint = {
  operationId: 'listPayouts',
  method: 'get',
  path: '/v1/payouts',
  tag: 'Payouts',
  summary: 'List the payouts of all users that are in one state, the oldest first',
  access: 'operator',
  scope: 'payouts:read',
  query: PayoutsQuery,
  answer: {
    status: 200,
    description: 'A page of payouts',
    content: { schema: PayoutPageSchema, example: { data: [EXAMPLE_PAYOUT], nextCursor: null } },
  },
  refusals: ['invalid_cursor'],
} as const satisfies Endpoint;

const takePayoutEndpoint = {
  operationId: 'takePayout',
  method: 'post',
  path: '/v1/payouts/{id}/take',
  tag: 'Payouts',
  summary: 'Take a payout up, before you make it',
  description:
    'From now on its user cannot cancel it, and nobody else takes it up. Repeat it with the same key until you get an answer.',
  access: 'operator',
  scope: 'payouts:settle',
  params: IdParams,
  idempotencyKey: 'required',
  answer: { status: 200, description: 'The payout', content: { schema: PayoutSchema, example: EXAMPLE_TAKEN } },
  refusals: ['payout_not_found', 'payout_processing', 'payout_ended'],
} as const satisfies Endpoint;

const payPayoutEndpoint = {
  operationId: 'payPayout',
  method: 'post',
  path: '/v1/payouts/{id}/pay',
  tag: 'Payouts',
  summary: 'Say that a payout was paid',
  description: 'Captures its hold: the money leaves the wallet.',
  access: 'operator',
  scope: 'payouts:settle',
  params: IdParams,
  idempotencyKey: 'required',
  body: { schema: PayPayoutSchema, example: { reference: EXAMPLE_REFERENCE } },
  answer: {
    status: 200,
    description: 'The payout',
    content: {
      schema: PayoutSchema,
      example: { ...EXAMPLE_TAKEN, ...EXAMPLE_ENDED, state: 'paid', reference: EXAMPLE_REFERENCE },
    },
  },
  refusals: [...POSTING_REFUSALS, 'payout_not_found', 'payout_not_taken', 'payout_ended', 'hold_closed'],
} as const satisfies Endpoint;

const failPayoutEndpoint = {
  operationId: 'failPayout',
  method: 'post',
  path: '/v1/payouts/{id}/fail',
  tag: 'Payouts',
  summary: 'Say that a payout cannot be paid',
  description: 'Releases its hold: the money is available to the user again. Works on one that was not taken up, too.',
  access: 'operator',
  scope: 'payouts:settle',
  params: IdParams,
  idempotencyKey: 'required',
  body: { schema: FailPayoutSchema, example: { reason: EXAMPLE_REASON } },
  answer: {
    status: 200,
    description: 'The payout',
    content: {
      schema: PayoutSchema,
      example: { ...EXAMPLE_TAKEN, ...EXAMPLE_ENDED, state: 'failed', reason: EXAMPLE_REASON },
    },
  },
  refusals: [...POSTING_REFUSALS, 'payout_not_found', 'payout_ended', 'hold_closed'],
} as const satisfies Endpoint;

export const listPayoutsRoute = route(
  listPayoutsEndpoint,
  ({ database, ledger }: PayoutServices) =>
    async ({ query: { limit = PAGE_LIMIT, cursor, state = 'requested' } }) => {
      const owner = `${ledger.name}:payouts`;
      const after = cursor === undefined ? undefined : placeIn(owner, cursor);
      const payouts = await listPayouts(database, ledger.name, { state, after, limit: limit + 1 });
      const page = pageOf(payouts, limit, ({ createdAt: at, id }) => cursorToPlace(owner, { at, id }));
      return { body: { data: page.data.map(payoutJson), nextCursor: page.nextCursor } };
    },
);

export const takePayoutRoute = route(
  takePayoutEndpoint,
  (services: PayoutServices) =>
    async ({ principal, params: { id }, idempotencyKey }) =>
      payoutAnswer(await takePayout(services, principal, id, idempotencyKey)),
);

export const payPayoutRoute = route(
  payPayoutEndpoint,
  (services: PayoutServices) =>
    async ({ principal, params: { id }, body: { reference }, idempotencyKey }) =>
      payoutAnswer(await payPayout(services, principal, { id, reference, idempotencyKey })),
);

export const failPayoutRoute = route(
  failPayoutEndpoint,
  (services: PayoutServices) =>
    async ({ principal, params: { id }, body: { reason }, idempotencyKey }) =>
      payoutAnswer(await failPayout(services, principal, { id, reason, idempotencyKey })),
);
