import { z } from '@hono/zod-openapi';
import { CaptureFields, HoldFields, ReleaseFields } from '../holds/hold-fields.js';
import { HoldIdField, TransferIdField } from '../http/fields.js';
import { ReversalFields } from '../reversals/reversal-fields.js';
import { TransferFields } from '../transfers/post-transfer-schema.js';

const LinkedPaymentSchema = z.strictObject({ kind: z.literal('transfer').optional(), ...TransferFields });

const LinkedHoldSchema = z.strictObject({ kind: z.literal('hold'), ...HoldFields }).openapi('LinkedHold');

const LinkedCaptureSchema = z
  .strictObject({ kind: z.literal('capture'), hold: HoldIdField, ...CaptureFields })
  .openapi('LinkedCapture');

const LinkedReleaseSchema = z
  .strictObject({ kind: z.literal('release'), hold: HoldIdField, ...ReleaseFields })
  .openapi('LinkedRelease');

const LinkedReversalSchema = z
  .strictObject({ kind: z.literal('reversal'), transfer: TransferIdField, ...ReversalFields })
  .openapi('LinkedReversal');

/** One of linked transfers; without a kind it is a payment. */
export const LinkedLegSchema = z
  .discriminatedUnion(
    'kind',
    [LinkedPaymentSchema, LinkedHoldSchema, LinkedCaptureSchema, LinkedReleaseSchema, LinkedReversalSchema],
    {
      error: ({ code }) =>
        code === 'invalid_union' ? 'must be transfer, hold, capture, release or reversal' : undefined,
    },
  )
  .openapi('LinkedLeg');

export type LinkedLegJson = z.output<typeof LinkedLegSchema>;
