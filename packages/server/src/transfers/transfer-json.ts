import { z } from '@hono/zod-openapi';
import type { LoweredMinimum, PostedTransfer, Transfer } from '@micropay/ledger-core';
import type { Answer } from '../http/answer.js';
import { EXAMPLE_IDS, EXAMPLE_TIME, GivenReferenceField, IdField, MinorUnitsField, TimeField } from '../http/fields.js';
import { REPLAYED_HEADERS } from '../http/idempotency-key.js';
import { isoTime } from '../http/iso-time.js';

export const TransferKindField = z
  .enum(['transfer', 'hold', 'capture', 'release', 'expiry', 'reversal'])
  .openapi('TransferKind');

export const TransferSchema = z
  .object({
    id: IdField,
    kind: TransferKindField,
    groupId: IdField.nullable().openapi({
      description: 'The id of the first of the linked transfers; null if the transfer is not linked',
    }),
    from: IdField,
    to: IdField,
    amount: MinorUnitsField,
    currency: z.string(),
    description: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    reference: GivenReferenceField,
    recordedAt: TimeField,
    effectiveAt: TimeField,
    originalId: IdField.nullable().openapi({
      description: 'The hold that a capture, release or expiry belongs to, or the transfer that a reversal reverses',
    }),
    released: MinorUnitsField.openapi({ description: 'The rest of the hold that a final capture released' }),
    fromBalance: MinorUnitsField.nullable().openapi({
      description: 'The balance of `from` right after the transfer; null if that wallet is not yours',
    }),
    toBalance: MinorUnitsField.nullable().openapi({
      description: 'The balance of `to` right after the transfer; null if that wallet is not yours',
    }),
    loweredMinimums: z
      .array(z.object({ account: IdField, minimumBefore: MinorUnitsField, minimum: MinorUnitsField }))
      .optional()
      .openapi({
        description:
          'For a reversal with `allowOverdraft`: the accounts whose minimum it lowered permanently (or, in a dry run, would ' +
          'lower). Left out if there are none',
      }),
  })
  .openapi('Transfer', { description: 'One immutable movement of money' });

export type TransferJson = z.input<typeof TransferSchema>;

export const EXAMPLE_TRANSFER: TransferJson = {
  id: EXAMPLE_IDS.transfer,
  kind: 'transfer',
  groupId: null,
  from: EXAMPLE_IDS.wallet,
  to: EXAMPLE_IDS.otherWallet,
  amount: '1250',
  currency: 'USD',
  description: 'Lunch',
  metadata: null,
  reference: null,
  recordedAt: EXAMPLE_TIME,
  effectiveAt: EXAMPLE_TIME,
  originalId: null,
  released: '0',
  fromBalance: '3750',
  toBalance: null,
};

/** The sides whose balance a response may show. */
export interface VisibleSides {
  readonly from: boolean;
  readonly to: boolean;
}

export function transferJson(transfer: Transfer | PostedTransfer, visible: VisibleSides): TransferJson {
  const json: TransferJson = {
    id: transfer.id,
    kind: transfer.kind,
    groupId: transfer.groupId,
    from: transfer.from,
    to: transfer.to,
    amount: String(transfer.amount),
    currency: transfer.currency,
    description: transfer.description,
    metadata: transfer.metadata,
    reference: transfer.reference,
    recordedAt: isoTime(transfer.recordedAt),
    effectiveAt: isoTime(transfer.effectiveAt),
    originalId: transfer.originalId,
    released: String(transfer.released),
    fromBalance: visible.from ? String(transfer.fromBalance.posted) : null,
    toBalance: visible.to ? String(transfer.toBalance.posted) : null,
  };
  const lowered = 'loweredMinimums' in transfer ? transfer.loweredMinimums : undefined;
  return lowered === undefined ? json : { ...json, loweredMinimums: lowered.map(loweredJson) };
}

function loweredJson({ accountId, minimumBefore, minimum }: LoweredMinimum) {
  return { account: accountId, minimumBefore: String(minimumBefore), minimum: String(minimum) };
}

/** The response to a movement of money; a repetition gets the first result, marked as replayed. */
export function transferAnswer(transfer: PostedTransfer, visible: VisibleSides): Answer<TransferJson> {
  const body = transferJson(transfer, visible);
  return transfer.replayed ? { body, headers: REPLAYED_HEADERS } : { body };
}
