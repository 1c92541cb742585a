import { z } from '@hono/zod-openapi';
import { HOLD_STATES, type Hold } from '@micropay/ledger-core';
import {
  EXAMPLE_IDS,
  GivenReferenceField,
  IdField,
  MinorUnitsField,
  NextCursorField,
  TimeField,
} from '../http/fields.js';
import { isoTime } from '../http/iso-time.js';

export const HoldSchema = z
  .object({
    id: IdField.openapi({ description: 'The same id as the transfer of kind `hold` that placed it' }),
    from: IdField,
    to: IdField,
    currency: z.string(),
    amount: MinorUnitsField.openapi({ description: 'The amount held at first' }),
    captured: MinorUnitsField.openapi({ description: 'The amount captured so far' }),
    remaining: MinorUnitsField.openapi({ description: 'The amount still held; 0 once the hold is no longer open' }),
    state: z.enum(HOLD_STATES).openapi('HoldState'),
    expiresAt: TimeField.nullable().openapi({ description: 'The time at which the hold expires; null for never' }),
    reference: GivenReferenceField,
  })
  .openapi('Hold', { description: 'Money set aside for a payee' });

export const HoldPageSchema = z.object({ data: z.array(HoldSchema), nextCursor: NextCursorField }).openapi('HoldPage');

export type HoldJson = z.input<typeof HoldSchema>;

export const EXAMPLE_HOLD: HoldJson = {
  id: EXAMPLE_IDS.hold,
  from: EXAMPLE_IDS.wallet,
  to: EXAMPLE_IDS.otherWallet,
  currency: 'USD',
  amount: '2000',
  captured: '0',
  remaining: '2000',
  state: 'open',
  expiresAt: '2026-11-29T18:00:00.000Z',
  reference: null,
};

export function holdJson(hold: Hold): HoldJson {
  return {
    id: hold.id,
    from: hold.from,
    to: hold.to,
    currency: hold.currency,
    amount: String(hold.amount),
    captured: String(hold.captured),
    remaining: String(hold.remaining),
    state: hold.state,
    expiresAt: hold.expiresAt === null ? null : isoTime(hold.expiresAt),
    reference: hold.reference,
  };
}
