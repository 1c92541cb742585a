import { z } from '@hono/zod-openapi';
import { LINKED_LEGS_MAX } from '@micropay/ledger-core';
import { ProblemSchema, problem } from '../../errors/problem.js';
import type { Endpoint } from '../../http/endpoint.js';
import { DryRunField, EXAMPLE_IDS, IdempotencyKeyField } from '../../http/fields.js';
import { route } from '../../http/route.js';
import { EXAMPLE_POST_TRANSFER, PaymentFields } from '../../transfers/post-transfer-schema.js';
import { POSTING_REFUSALS } from '../../transfers/posting-refusals.js';
import { EXAMPLE_TRANSFER, TransferSchema } from '../../transfers/transfer-json.js';
import type { TransferServices } from '../../transfers/transfer-services.js';
import { LinkedLegSchema } from '../linked-leg.js';
import { type BatchTransferJson, postBatch } from '../post-batch.js';
import { postLinked } from '../post-linked.js';

const BATCH_SIZE_MAX = 1_000;
const BATCH_BYTES_MAX = 1024 * 1024;

const BatchTransferSchema = z
  .strictObject({ ...PaymentFields, dryRun: DryRunField.optional(), idempotencyKey: IdempotencyKeyField })
  .openapi('BatchTransfer');

const PostTransfersSchema = z
  .strictObject({
    transfers: z.array(BatchTransferSchema).min(1).max(BATCH_SIZE_MAX),
    dryRun: DryRunField.optional().openapi({ description: 'Check each transfer on its own, and post none' }),
  })
  .openapi('PostTransfers');

const PostLinkedTransfersSchema = z
  .strictObject({
    transfers: z
      .array(LinkedLegSchema)
      .min(1)
      // More have a refusal of their own.
      .max(BATCH_SIZE_MAX)
      .openapi({
        maxItems: LINKED_LEGS_MAX,
        description: 'Payments, or the `kind` hold, capture, release or reversal',
      }),
    dryRun: DryRunField.optional().openapi({ description: 'Check each transfer after those before it, and post none' }),
  })
  .openapi('PostLinkedTransfers');

const BatchResultSchema = z
  .union([
    z
      .object({
        ok: z.literal(true),
        replayed: z.boolean().openapi({ description: '`true` if an earlier request with this key posted it' }),
        transfer: TransferSchema,
      })
      .openapi('BatchPosted'),
    z.object({ ok: z.literal(false), error: ProblemSchema }).openapi('BatchRefused'),
  ])
  .openapi('BatchResult');

const BatchResultsSchema = z
  .object({
    results: z
      .array(BatchResultSchema)
      .openapi({ description: 'One result per transfer, in the same order; a hold has the id of its transfer' }),
  })
  .openapi('BatchResults');

const postTransfersEndpoint = {
  operationId: 'postTransfers',
  method: 'post',
  path: '/v1/transfers/batch',
  tag: 'Transfers',
  summary: 'Post many independent transfers',
  description:
    'Takes up to 1,000 transfers and 1 MiB. They are applied in order, each under its own idempotency key; each is posted or ' +
    'refused independently and has its own result.',
  access: 'either',
  scope: 'transfers:write',
  body: {
    schema: PostTransfersSchema,
    example: { transfers: [{ ...EXAMPLE_POST_TRANSFER, idempotencyKey: EXAMPLE_IDS.key }] },
    bytesMax: BATCH_BYTES_MAX,
  },
  batch: 'transfers',
  answer: {
    status: 200,
    description: 'A result for each transfer',
    content: {
      schema: BatchResultsSchema,
      example: {
        results: [
          { ok: true, replayed: false, transfer: EXAMPLE_TRANSFER },
          { ok: false, error: problem('insufficient_funds', 'the wallet has too little money for this transfer') },
        ],
      },
    },
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

const postLinkedTransfersEndpoint = {
  operationId: 'postLinkedTransfers',
  method: 'post',
  path: '/v1/transfers/linked',
  tag: 'Transfers',
  summary: 'Post linked transfers, all or none',
  description:
    'Takes up to 100 transfers, applied in order under one idempotency key. If one is refused, none is posted: the response ' +
    'is the first refusal, and `errors` names the transfer. The same permissions apply to a leg as to the route for it alone.',
  access: 'either',
  scope: 'transfers:write',
  idempotencyKey: 'required',
  body: {
    schema: PostLinkedTransfersSchema,
    example: { transfers: [EXAMPLE_POST_TRANSFER] },
    bytesMax: BATCH_BYTES_MAX,
  },
  batch: 'transfers',
  answer: {
    status: 200,
    description: 'A result for each transfer',
    content: {
      schema: BatchResultsSchema,
      example: { results: [{ ok: true, replayed: false, transfer: EXAMPLE_TRANSFER }] },
    },
  },
  refusals: [
    ...POSTING_REFUSALS,
    'recipient_not_found',
    'email_unverified',
    'same_account',
    'too_many_legs',
    'expiry_in_past',
    'hold_not_found',
    'hold_closed',
    'effective_before_original',
    'capture_exceeds_hold',
    'transfer_not_found',
    'not_reversible',
    'reversal_exceeds_transfer',
    'forbidden',
    'rate_limited',
  ],
} as const satisfies Endpoint;

export const postTransfersRoute = route(
  postTransfersEndpoint,
  (services: TransferServices) =>
    ({ principal, clientAddress, body: { transfers, dryRun } }) =>
      postBatch(services, { principal, clientAddress }, dryRun === true ? transfers.map(asDryRun) : transfers),
);

export const postLinkedTransfersRoute = route(
  postLinkedTransfersEndpoint,
  (services: TransferServices) =>
    ({ principal, clientAddress, body: { transfers, dryRun }, idempotencyKey }) =>
      postLinked(services, { principal, clientAddress }, transfers, { idempotencyKey, dryRun }),
);

function asDryRun(transfer: BatchTransferJson): BatchTransferJson {
  return { ...transfer, dryRun: true };
}
