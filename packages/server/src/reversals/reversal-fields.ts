import { z } from '@hono/zod-openapi';
import { type Metadata, parseAmount, type ReverseTransfer } from '@micropay/ledger-core';
import { requireOperator } from '../http/authorize.js';
import { AmountField, ContinuedAtField, MetadataField, ReasonField } from '../http/fields.js';
import { given } from '../http/given.js';
import { auditOf } from '../identity/audit.js';
import type { Principal } from '../identity/principal.js';

/** What the reversal of a whole linked group says. */
export const GroupReversalFields = {
  reason: ReasonField.optional().openapi({ description: 'Kept as the description: put no personal data here' }),
  metadata: MetadataField.optional(),
  allowOverdraft: z
    .boolean()
    .optional()
    .openapi({
      description:
        'For operators: when the money is no longer there, lower the minimum of the account to the balance that results. The ' +
        'minimum stays lowered when the money is back, so that the account may be overdrawn again, until its limits are set: ' +
        '`POST /v1/accounts/{id}/limits`. With `dryRun`, `loweredMinimums` of the answer says what it would be',
    }),
  effectiveAt: ContinuedAtField.optional(),
};

/** What a reversal says, made alone or as a linked leg. */
export const ReversalFields = {
  amount: AmountField.optional().openapi({
    description: 'At most what is left of the transfer; all of that when left out',
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
  { amount, reason, metadata, allowOverdraft, effectiveAt }: Reversal,
): Pick<ReverseTransfer, 'amount' | 'description' | 'metadata' | 'allowOverdraft' | 'effectiveAt'> {
  if (allowOverdraft === true) requireOperator(principal, 'allowOverdraft');
  if (effectiveAt !== undefined) requireOperator(principal, 'effectiveAt');
  return given({
    amount: amount === undefined ? undefined : parseAmount(amount),
    description: reason,
    metadata: metadata as Metadata | undefined,
    allowOverdraft: allowOverdraft === true ? auditOf(principal, reason) : undefined,
    effectiveAt,
  });
}
