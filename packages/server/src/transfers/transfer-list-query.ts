import { z } from '@hono/zod-openapi';
import { LedgerError, parseJson, type TransferFilter, type TransferKind } from '@micropay/ledger-core';
import {
  AmountField,
  CurrencyField,
  IdempotencyKeyField,
  PageQuery,
  PayerField,
  ReferenceField,
  TransferIdField,
  textField,
} from '../http/fields.js';
import { MomentField } from '../http/moment-fields.js';
import { TransferKindField } from './transfer-json.js';

const ADDRESS_PATH = /^[a-zA-Z0-9_.:-]{1,200}$/;
const KINDS = TransferKindField.options;
const KIND = KINDS.join('|');
const METADATA_LENGTH_MAX = 2_000;

const KindsField = z
  .string()
  .regex(new RegExp(`^(?:${KIND})(?:,(?:${KIND}))*$`), `must be kinds of transfers, joined by ",": ${KINDS.join(', ')}`)
  .openapi({ description: 'One or several kinds, joined by ","', example: 'transfer,capture' });

const MembersField = z
  .string()
  .max(METADATA_LENGTH_MAX)
  .transform((text, context) => {
    try {
      return parseJson(text) as NonNullable<TransferFilter['metadata']>;
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      context.addIssue({ code: 'custom', message: 'must be a JSON object' });
      return z.NEVER;
    }
  })
  .openapi({
    type: 'string',
    description: 'Members of the metadata with their values, as a JSON object of texts, numbers and booleans',
    example: '{"orderId":"1042"}',
  });

/** The filter of a list of transfers. */
export const TransferListQuery = PageQuery.extend({
  account: PayerField.optional(),
  accountPath: z.string().regex(ADDRESS_PATH, 'must be the beginning of an address').optional().openapi({
    description: 'For operators: the path that the address of an account begins with; at most 100 accounts',
    example: 'users:0199a1d2-4f6e-7c31-8a55-0b9d3c7e2f10',
  }),
  counterparty: PayerField.optional().openapi({
    description: 'The account on the other side, by its id; operators may also name its address',
  }),
  kinds: KindsField.optional(),
  currency: CurrencyField.optional(),
  amountMin: AmountField.optional().openapi({ description: 'In minor units, included' }),
  amountMax: AmountField.optional().openapi({ description: 'In minor units, included' }),
  recordedFrom: MomentField.optional().openapi({
    description: 'The first instant, or the first day, that is included',
  }),
  recordedTo: MomentField.optional().openapi({
    description: 'The first instant, or the first day, that is not included',
  }),
  effectiveFrom: MomentField.optional(),
  effectiveTo: MomentField.optional(),
  groupId: TransferIdField.optional(),
  reference: ReferenceField.optional(),
  idempotencyKey: IdempotencyKeyField.optional().openapi({ description: 'The key under which it was posted' }),
  principal: z
    .string()
    .regex(/^[0-9a-f-]{1,64}$/, 'must be the id of a user or an API key')
    .optional()
    .openapi({
      description: 'For operators: whose idempotency key it is, the id of a user or an API key. Default: yours',
    }),
  words: textField({ min: 1, max: 500 }).optional().openapi({
    description: 'Words of the description, in any order; upper and lower case are the same',
    example: 'lunch',
  }),
  metadata: MembersField.optional(),
  order: z.enum(['newest', 'oldest']).optional().openapi({ description: 'Which comes first; default `newest`' }),
});

export type TransferListAsked = z.output<typeof TransferListQuery>;

/** Kinds were checked by the pattern. */
export function kindsOf(kinds: string | undefined): readonly TransferKind[] | undefined {
  return kinds?.split(',') as readonly TransferKind[] | undefined;
}
