import { z } from '@hono/zod-openapi';
import type { Answer } from '../http/answer.js';
import {
  EXAMPLE_IDS,
  EXAMPLE_TIME,
  IdField,
  MinorUnitsField,
  NextCursorField,
  STORABLE,
  TimeField,
  textField,
} from '../http/fields.js';
import { REPLAYED_HEADERS } from '../http/idempotency-key.js';
import { isoTime } from '../http/iso-time.js';
import { PAYOUT_STATES, type Payout, type PayoutResult } from './payout.js';

const MEMBERS_MAX = 20;
const MEMBER_NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,63}$/;
const TEXT_LENGTH_MAX = 500;

const DESTINATION =
  'Where the money goes, as the service that makes the payouts expects it: names and texts. It is kept apart from the books, and ' +
  'erased when you close your account, or 90 days after the payout has ended';

export const DestinationField = z
  .record(
    z.string().regex(MEMBER_NAME, 'must be 1 to 64 letters, digits and "_" that begin with a letter'),
    textField({ min: 1, max: TEXT_LENGTH_MAX }),
  )
  .refine((destination) => {
    const count = Object.keys(destination).length;
    return count >= 1 && count <= MEMBERS_MAX;
  }, `must have 1 to ${MEMBERS_MAX} members`)
  .openapi({
    type: 'object',
    ...{
      patternProperties: {
        [MEMBER_NAME.source]: { type: 'string', pattern: STORABLE.source, minLength: 1, maxLength: TEXT_LENGTH_MAX },
      },
    },
    additionalProperties: false,
    minProperties: 1,
    maxProperties: MEMBERS_MAX,
    description: DESTINATION,
  });

export const PayoutStateField = z.enum(PAYOUT_STATES).openapi('PayoutState');

export const PayoutSchema = z
  .object({
    id: IdField.openapi({ description: 'The id of the hold that sets the money aside' }),
    userId: IdField,
    from: IdField.openapi({ description: 'The wallet that is paid from' }),
    amount: MinorUnitsField,
    currency: z.string(),
    destination: z.record(z.string(), z.string()).nullable().openapi({ description: 'Null once it is erased' }),
    state: PayoutStateField,
    reference: z.string().nullable().openapi({ description: 'Of a payout that was paid: what the provider calls it' }),
    reason: z.string().nullable().openapi({ description: 'Of a payout that failed: why' }),
    transferId: IdField.nullable().openapi({
      description:
        'The capture of a payout that was paid, the release of one that failed or was cancelled; null before',
    }),
    createdAt: TimeField,
    takenAt: TimeField.nullable().openapi({ description: 'When it was taken up; null if it never was' }),
    finishedAt: TimeField.nullable().openapi({ description: 'When it was paid, failed or was cancelled; null before' }),
  })
  .openapi('Payout', { description: 'Money that leaves a wallet for the outside' });

export const PayoutPageSchema = z
  .object({ data: z.array(PayoutSchema), nextCursor: NextCursorField })
  .openapi('PayoutPage');

export type PayoutJson = z.input<typeof PayoutSchema>;

export const EXAMPLE_PAYOUT: PayoutJson = {
  id: EXAMPLE_IDS.hold,
  userId: EXAMPLE_IDS.user,
  from: EXAMPLE_IDS.wallet,
  amount: '5000',
  currency: 'USD',
  destination: { iban: 'DE02120300000000202051', name: 'Alice Example' },
  state: 'requested',
  reference: null,
  reason: null,
  transferId: null,
  createdAt: EXAMPLE_TIME,
  takenAt: null,
  finishedAt: null,
};

export const EXAMPLE_TAKEN: PayoutJson = { ...EXAMPLE_PAYOUT, state: 'processing', takenAt: EXAMPLE_TIME };

/** In the example of a payout that has ended. */
export const EXAMPLE_ENDED = { transferId: EXAMPLE_IDS.transfer, finishedAt: EXAMPLE_TIME } as const;

export function payoutJson(payout: Payout): PayoutJson {
  return {
    id: payout.id,
    userId: payout.userId,
    from: payout.wallet,
    amount: payout.amount,
    currency: payout.currency,
    destination: payout.destination,
    state: payout.state,
    reference: payout.reference,
    reason: payout.reason,
    transferId: payout.transfer,
    createdAt: isoTime(payout.createdAt),
    takenAt: payout.takenAt === null ? null : isoTime(payout.takenAt),
    finishedAt: payout.finishedAt === null ? null : isoTime(payout.finishedAt),
  };
}

export function payoutAnswer({ payout, replayed }: PayoutResult): Answer<PayoutJson> {
  const body = payoutJson(payout);
  return replayed ? { body, headers: REPLAYED_HEADERS } : { body };
}
