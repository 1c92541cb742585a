import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { DryRunField, IdParams, NextCursorField } from '../../http/fields.js';
import { type LedgerServices, route } from '../../http/route.js';
import {
  acceptedAnswer,
  EXAMPLE_TRANSFER_REQUEST,
  TransferRequestSchema,
} from '../../transfer-requests/transfer-request-json.js';
import { findTransfer } from '../find-transfer.js';
import { findTransfers, visibleSidesOf } from '../find-transfers.js';
import { EXAMPLE_POST_TRANSFER, TransferFields } from '../post-transfer-schema.js';
import { POSTING_REFUSALS } from '../posting-refusals.js';
import { findParties, resolvePostTransfer } from '../resolve-post-transfer.js';
import { EXAMPLE_TRANSFER, TransferSchema, transferAnswer, transferJson } from '../transfer-json.js';
import { TransferListQuery } from '../transfer-list-query.js';
import type { TransferServices } from '../transfer-services.js';

const PostTransferSchema = z
  .strictObject({
    ...TransferFields,
    dryRun: DryRunField.optional(),
  })
  .openapi('PostTransfer');

const postTransferEndpoint = {
  operationId: 'postTransfer',
  method: 'post',
  path: '/v1/transfers',
  tag: 'Transfers',
  summary: 'Pay from one of your wallets',
  description: 'Operators may pay from any account to any other, for fees, adjustments and exchanges.',
  access: 'either',
  scope: 'transfers:write',
  subject: 'from',
  idempotencyKey: 'required',
  dryRun: true,
  body: { schema: PostTransferSchema, example: EXAMPLE_POST_TRANSFER },
  answer: {
    status: 201,
    description: 'The transfer, posted now or by an earlier request with this key',
    content: { schema: TransferSchema, example: EXAMPLE_TRANSFER },
  },
  accepted: {
    description: 'With `Prefer: respond-async`: the request is stored and will be posted later',
    content: { schema: TransferRequestSchema, example: EXAMPLE_TRANSFER_REQUEST },
  },
  refusals: [
    ...POSTING_REFUSALS,
    'recipient_not_found',
    'email_unverified',
    'same_account',
    'forbidden',
    'rate_limited',
  ],
} as const satisfies Endpoint;

const TransferPageSchema = z
  .object({ data: z.array(TransferSchema), nextCursor: NextCursorField })
  .openapi('TransferPage');

const listTransfersEndpoint = {
  operationId: 'listTransfers',
  method: 'get',
  path: '/v1/transfers',
  tag: 'Transfers',
  summary: 'Find transfers',
  description:
    'Users find those of their wallets, operators and support all. What the query says narrows the list. A page may have fewer ' +
    'transfers than its limit, or none, and still a next page. Operators narrow every search by `account`, `accountPath`, ' +
    '`reference`, `groupId` or `idempotencyKey`.',
  access: 'either',
  scope: 'transfers:read',
  query: TransferListQuery,
  answer: {
    status: 200,
    description: 'A page of transfers',
    content: { schema: TransferPageSchema, example: { data: [EXAMPLE_TRANSFER], nextCursor: null } },
  },
  refusals: [
    'invalid_amount',
    'invalid_cursor',
    'invalid_period',
    'filter_too_broad',
    'account_not_found',
    'transaction_conflict',
    'forbidden',
  ],
} as const satisfies Endpoint;

const getTransferEndpoint = {
  operationId: 'getTransfer',
  method: 'get',
  path: '/v1/transfers/{id}',
  tag: 'Transfers',
  summary: 'Get a transfer',
  description: 'Open to the owners of its two wallets and to operators.',
  access: 'either',
  scope: 'transfers:read',
  params: IdParams,
  answer: { status: 200, description: 'The transfer', content: { schema: TransferSchema, example: EXAMPLE_TRANSFER } },
  refusals: ['transfer_not_found'],
} as const satisfies Endpoint;

export const postTransferRoute = route(
  postTransferEndpoint,
  (services: TransferServices) =>
    async ({ principal, clientAddress, body, idempotencyKey, respondAsync }) => {
      const parties = await findParties(services, { principal, clientAddress }, [body]);
      const { post, visible } = resolvePostTransfer(principal, body, parties, idempotencyKey);
      // A dry run gets its result immediately: there is nothing to do later.
      if (respondAsync && body.dryRun !== true) {
        const { dryRun: _, ...toRequest } = post;
        const submitted = services.ledger.requests.submit({ ...toRequest, idempotencyKey, requestedBy: principal.id });
        return acceptedAnswer(await submitted, principal);
      }
      return transferAnswer(await services.ledger.transfers.post(post), visible);
    },
);

export const listTransfersRoute = route(
  listTransfersEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, query }) => {
      const { data, nextCursor } = await findTransfers(ledger, principal, query);
      const visible = await visibleSidesOf(ledger, principal, data);
      return { body: { data: data.map((transfer) => transferJson(transfer, visible(transfer))), nextCursor } };
    },
);

export const getTransferRoute = route(
  getTransferEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params }) => {
      const { transfer, visible } = await findTransfer(ledger, principal, params.id);
      return { body: transferJson(transfer, visible) };
    },
);
