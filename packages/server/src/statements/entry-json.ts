import { z } from '@hono/zod-openapi';
import type { Entry } from '@micropay/ledger-core';
import {
  EXAMPLE_IDS,
  EXAMPLE_TIME,
  GivenReferenceField,
  IdField,
  MinorUnitsField,
  NextCursorField,
  TimeField,
} from '../http/fields.js';
import { isoTime } from '../http/iso-time.js';
import { TransferKindField } from '../transfers/transfer-json.js';

export const EntrySchema = z
  .object({
    transferId: IdField,
    groupId: IdField.nullable(),
    kind: TransferKindField,
    direction: z
      .enum(['debit', 'credit'])
      .openapi({ description: '`debit`: money left this wallet; `credit`: money came in' }),
    amount: MinorUnitsField,
    currency: z.string(),
    balance: MinorUnitsField.openapi({ description: 'The settled balance of this wallet after the transfer' }),
    pendingIn: MinorUnitsField,
    pendingOut: MinorUnitsField,
    version: z.string().openapi({
      description: 'The number of changes to this wallet’s balance so far; it counts up without gaps',
      example: '7',
    }),
    counterparty: IdField.openapi({ description: 'The account on the other side' }),
    description: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    reference: GivenReferenceField,
    recordedAt: TimeField,
    effectiveAt: TimeField,
  })
  .openapi('Entry', { description: "One wallet's side of a transfer" });

export const EntryPageSchema = z
  .object({ data: z.array(EntrySchema), nextCursor: NextCursorField })
  .openapi('EntryPage');

export const EXAMPLE_ENTRY: z.input<typeof EntrySchema> = {
  transferId: EXAMPLE_IDS.transfer,
  groupId: null,
  kind: 'transfer',
  direction: 'debit',
  amount: '1250',
  currency: 'USD',
  balance: '3750',
  pendingIn: '0',
  pendingOut: '0',
  version: '2',
  counterparty: EXAMPLE_IDS.otherWallet,
  description: 'Lunch',
  metadata: null,
  reference: null,
  recordedAt: EXAMPLE_TIME,
  effectiveAt: EXAMPLE_TIME,
};

export function entryJson(entry: Entry): z.input<typeof EntrySchema> {
  return {
    transferId: entry.transferId,
    groupId: entry.groupId,
    kind: entry.kind,
    direction: entry.direction,
    amount: String(entry.amount),
    currency: entry.currency,
    balance: String(entry.posted),
    pendingIn: String(entry.pendingIn),
    pendingOut: String(entry.pendingOut),
    version: String(entry.version),
    counterparty: entry.counterparty,
    description: entry.description,
    metadata: entry.metadata,
    reference: entry.reference,
    recordedAt: isoTime(entry.recordedAt),
    effectiveAt: isoTime(entry.effectiveAt),
  };
}
