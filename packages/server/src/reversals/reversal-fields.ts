import { z } from '@hono/zod-openapi';
import { type Metadata, parseAmount, type ReverseTransfer } from '@micropay/ledger-core';
import { requireOperator } from '../http/authorize.js';
import { AmountField, ContinuedAtField, MetadataField, ReasonField, ReferenceField } from '../http/fields.js';
import { given } from '../http/given.js';
import { auditOf } from '../identity/audit.js';
import type { Principal } from '../identity/principal.js';

/** Fields of the reversal of a whole linked group. */
export const GroupReversalFields = {
  reason: ReasonField.optional().openapi({
    description: 'Stored permanently as the description: do not put personal data here',
  }),
  metadata: MetadataField.optional(),
  reference: ReferenceField.optional(),
  allowOverdraft: z
    .boolean()
    .optional()
    .openapi({
      description:
        'For operators: if the account no longer has the money, lower its minimum to the resulting balance. The minimum stays ' +
        'lowered after the money is paid back, so the account may be overdrawn again until you set its limits with ' +
        '`POST /v1/accounts/{id}/limits`. With `dryRun`, `loweredMinimums` in the response is the minimum it would get',
    }),
  effectiveAt: ContinuedAtField.optional(),
};

/** Fields of a reversal, as a request or as a linked leg. */
export const ReversalFields = {
  amount: AmountField.optional().openapi({
    description: 'At most what earlier reversals left of the transfer; default: all of that',
  }),
  ...GroupReversalFields,
};

type Reversal = { readonly [Field in keyof typeof ReversalFields]?: z.output<(typeof ReversalFields)[Field]> };

/**
 * A reversal in the ledger's words.
 *
 * @throws {ProblemError} `forbidden` for an overdraft that no operator allows, or another instant
 */
export function reversalOf(
  principal: Principal,
  { amount, reason, metadata, reference, allowOverdraft, effectiveAt }: Reversal,
): Pick<ReverseTransfer, 'amount' | 'description' | 'metadata' | 'reference' | 'allowOverdraft' | 'effectiveAt'> {
  if (allowOverdraft === true) requireOperator(principal, 'allowOverdraft');
  if (effectiveAt !== undefined) requireOperator(principal, 'effectiveAt');
  return given({
    amount: amount === undefined ? undefined : parseAmount(amount),
    description: reason,
    metadata: metadata as Metadata | undefined,
    reference,
    allowOverdraft: allowOverdraft === true ? auditOf(principal, reason) : undefined,
    effectiveAt,
  });
}
