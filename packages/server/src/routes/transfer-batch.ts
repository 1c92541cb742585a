import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../http/endpoint.js';
import { DryRunField, EXAMPLE_IDS, IdempotencyKeyField } from '../http/fields.js';
import { ProblemSchema, problem } from '../http/problem.js';
import { route } from '../http/route.js';
import { LinkedLegSchema } from '../transfers/linked-leg.js';
import { PaymentFields } from '../transfers/order-schema.js';
import { postLinked } from '../transfers/post-linked.js';
import { type BatchOrder, postOrders } from '../transfers/post-orders.js';
import { POSTING_REFUSALS } from '../transfers/posting-refusals.js';
import { EXAMPLE_TRANSFER, TransferSchema } from '../transfers/transfer-json.js';
import { EXAMPLE_CREATE_TRANSFER } from './transfers.js';

const BATCH_SIZE_MAX = 1_000;
const BATCH_BYTES_MAX = 1024 * 1024;

const BatchTransferSchema = z
  .strictObject({ ...PaymentFields, dryRun: DryRunField.optional(), idempotencyKey: IdempotencyKeyField.optional() })
  .openapi('BatchTransfer');

const SingleTransfersSchema = z.strictObject({
  transfers: z.array(BatchTransferSchema).min(1).max(BATCH_SIZE_MAX),
  linked: z
    .literal(false)
    .optional()
    .openapi({ description: 'Each transfer on its own, with its own `idempotencyKey`' }),
  dryRun: DryRunField.optional().openapi({ description: 'Judge each as if alone, and post none' }),
});

const LinkedTransfersSchema = z
  .strictObject({
    transfers: z
      .array(LinkedLegSchema)
      .min(1)
      .max(BATCH_SIZE_MAX)
      .openapi({ description: 'At most 100; payments, and by their `kind` holds, captures, releases and reversals' }),
    linked: z.literal(true).openapi({ description: 'All or none, with the key of the header' }),
    dryRun: DryRunField.optional().openapi({ description: 'Judge each after those before it, and post none' }),
  })
  .openapi('LinkedTransfers');

const CreateTransferBatchSchema = z
  .discriminatedUnion('linked', [SingleTransfersSchema, LinkedTransfersSchema], {
    error: ({ code }) => (code === 'invalid_union' ? 'must be true or false' : undefined),
  })
  .openapi('CreateTransferBatch');

const BatchResultSchema = z
  .union([
    z
      .object({
        ok: z.literal(true),
        replayed: z.boolean().openapi({ description: 'Posted by an earlier request with this key' }),
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
      .openapi({ description: 'One for each transfer, in order; a hold has the id of its transfer' }),
  })
  .openapi('BatchResults');

const createTransferBatchEndpoint = {
  operationId: 'createTransferBatch',
  method: 'post',
  path: '/v1/transfers/batch',
  tag: 'Transfers',
  summary: 'Pay many times in one request',
  description:
    'Up to 1,000 transfers and 1 MiB, applied in order. Not linked, each is posted or refused on its own and the ' +
    'answer has a result for each. Linked, all are posted or none: the first refusal is the answer, and `errors` ' +
    'names the transfer. Everybody may do with a linked leg what they may do with the route for it alone.',
  access: 'either',
  idempotencyKey: 'optional',
  body: {
    schema: CreateTransferBatchSchema,
    example: { transfers: [{ ...EXAMPLE_CREATE_TRANSFER, idempotencyKey: EXAMPLE_IDS.key }], linked: false },
    bytesMax: BATCH_BYTES_MAX,
  },
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

export const createTransferBatchRoute = route(
  createTransferBatchEndpoint,
  (services) =>
    ({ principal, clientAddress, body, idempotencyKey }) => {
      const { dryRun } = body;
      const asker = { principal, clientAddress };
      if (body.linked === true) return postLinked(services, asker, body.transfers, { idempotencyKey, dryRun });
      return postOrders(services, asker, dryRun === true ? body.transfers.map(asDryRun) : body.transfers);
    },
);

function asDryRun(order: BatchOrder): BatchOrder {
  return { ...order, dryRun: true };
}
