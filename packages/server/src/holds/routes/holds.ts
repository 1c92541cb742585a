import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { DryRunField, EXAMPLE_IDS, IdParams } from '../../http/fields.js';
import { given } from '../../http/given.js';
import { REPLAYED_HEADERS } from '../../http/idempotency-key.js';
import { type LedgerServices, route } from '../../http/route.js';
import { POSTING_REFUSALS } from '../../transfers/posting-refusals.js';
import { findParties, resolvePostTransfer } from '../../transfers/resolve-post-transfer.js';
import type { TransferServices } from '../../transfers/transfer-services.js';
import { findHold } from '../find-hold.js';
import { HoldFields } from '../hold-fields.js';
import { EXAMPLE_HOLD, HoldSchema, holdJson } from '../hold-json.js';

const PlaceHoldSchema = z
  .strictObject({
    ...HoldFields,
    dryRun: DryRunField.optional(),
  })
  .openapi('PlaceHold');

const placeHoldEndpoint = {
  operationId: 'placeHold',
  method: 'post',
  path: '/v1/holds',
  tag: 'Holds',
  summary: 'Place a hold on one of your wallets',
  description:
    'Sets money aside for a payee: you can no longer spend it, and the payee may capture it until it is released or expires. ' +
    'Operators may place one from any account for any other.',
  access: 'either',
  scope: 'transfers:write',
  subject: 'from',
  idempotencyKey: 'required',
  dryRun: true,
  body: {
    schema: PlaceHoldSchema,
    example: {
      from: EXAMPLE_IDS.wallet,
      to: 'bob@example.com',
      amount: '2000',
      currency: 'USD',
      expiresAt: '2026-11-29T18:00:00Z',
      description: 'Deposit for the bicycle',
    },
  },
  answer: {
    status: 201,
    description: 'The hold as placed, now or by an earlier request with this key',
    content: { schema: HoldSchema, example: EXAMPLE_HOLD },
  },
  refusals: [
    ...POSTING_REFUSALS,
    'recipient_not_found',
    'email_unverified',
    'same_account',
    'expiry_in_past',
    'rate_limited',
  ],
} as const satisfies Endpoint;

const getHoldEndpoint = {
  operationId: 'getHold',
  method: 'get',
  path: '/v1/holds/{id}',
  tag: 'Holds',
  summary: 'Get a hold',
  description: 'Open to its payer, its payee and operators.',
  access: 'either',
  scope: 'transfers:read',
  params: IdParams,
  answer: { status: 200, description: 'The hold', content: { schema: HoldSchema, example: EXAMPLE_HOLD } },
  refusals: ['hold_not_found'],
} as const satisfies Endpoint;

export const placeHoldRoute = route(
  placeHoldEndpoint,
  (services: TransferServices) =>
    async ({ principal, clientAddress, body, idempotencyKey }) => {
      const parties = await findParties(services, { principal, clientAddress }, [body]);
      const { post } = resolvePostTransfer(principal, body, parties, idempotencyKey);
      const hold = await services.ledger.holds.place({ ...post, ...given({ expiresAt: body.expiresAt }) });
      return { body: holdJson(hold), ...(hold.replayed ? { headers: REPLAYED_HEADERS } : {}) };
    },
);

export const getHoldRoute = route(getHoldEndpoint, ({ ledger }: LedgerServices) => async ({ principal, params }) => {
  const { hold } = await findHold(ledger, principal, params.id);
  return { body: holdJson(hold) };
});
