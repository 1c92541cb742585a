import { z } from '@hono/zod-openapi';
import { type CaptureHold, type Metadata, parseAmount } from '@micropay/ledger-core';
import { requireOperator } from '../http/authorize.js';
import {
  AmountField,
  ContinuedAtField,
  DescriptionField,
  InstantField,
  MetadataField,
  PayeeField,
  PayerField,
  ReferenceField,
} from '../http/fields.js';
import { given } from '../http/given.js';
import type { Principal } from '../identity/principal.js';
import { PaymentFields } from '../transfers/post-transfer-schema.js';

/** Fields of a hold, as a request or as a linked leg. */
export const HoldFields = {
  ...PaymentFields,
  from: PayerField,
  to: PayeeField,
  expiresAt: InstantField.optional().openapi({ description: 'The time at which the hold expires; default: never' }),
};

export const ReleaseFields = {
  description: DescriptionField.optional(),
  metadata: MetadataField.optional(),
  reference: ReferenceField.optional(),
};

export const CaptureFields = {
  amount: AmountField.optional().openapi({ description: 'At most what is still held; default: all of it' }),
  final: z.boolean().optional().openapi({ description: '`true` releases the rest of the hold' }),
  ...ReleaseFields,
  effectiveAt: ContinuedAtField.optional(),
};

type Ending = { readonly [Field in keyof typeof CaptureFields]?: z.output<(typeof CaptureFields)[Field]> };

/**
 * A capture or a release in the ledger's words.
 *
 * @throws {ProblemError} `forbidden` for an instant that no operator names
 */
export function endingOf(
  principal: Principal,
  { amount, final, description, metadata, reference, effectiveAt }: Ending,
): CaptureHold {
  if (effectiveAt !== undefined) requireOperator(principal, 'effectiveAt');
  return given({
    amount: amount === undefined ? undefined : parseAmount(amount),
    final,
    description,
    metadata: metadata as Metadata | undefined,
    reference,
    effectiveAt,
  });
}
