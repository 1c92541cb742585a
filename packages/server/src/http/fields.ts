import { z } from '@hono/zod-openapi';
import { canonicalEmail, EMAIL_LENGTH_MAX } from '../users/email.js';
import { isNestedBeyond } from './nesting.js';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const UUID_PATTERN = new RegExp(`^${UUID}$`);
/** Anything visible around an `@`: no email that was registered is anything else. */
const EMAIL = '[^\\u0000- @\\u007f-\\u00a0]+@[^\\u0000- @\\u007f-\\u00a0]+';
const RECIPIENT_PATTERN = new RegExp(`^(?:${UUID}|${EMAIL})$`);
/** An id or an address. */
const REFERENCE = '[a-zA-Z0-9_.:-]{1,200}';
const REFERENCE_PATTERN = new RegExp(`^${REFERENCE}$`);
const PAYEE_PATTERN = new RegExp(`^(?:${REFERENCE}|${EMAIL})$`);
const AMOUNT_PATTERN = /^[1-9][0-9]{0,37}$/;
const CURRENCY_PATTERN = /^[A-Z][A-Z0-9]{1,11}$/;
const KEY_PATTERN = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
const CURSOR_LENGTH_MAX = 500;
const METADATA_DEPTH_MAX = 64;
export const PAGE_LIMIT_MAX = 200;

export const EXAMPLE_IDS = {
  user: '0199a1d2-4f6e-7c31-8a55-0b9d3c7e2f10',
  wallet: '0199a1d2-4f70-7d02-9b1e-6a4f8c2d5e31',
  otherWallet: '0199a1d2-6b12-7e94-8c3f-2d7b9a1e4c52',
  transfer: '0199a1d3-0c45-7f18-a2d6-5e8c1b3f7a93',
  hold: '0199a1d3-1e57-7b29-b3c7-4d9e0a2f8b64',
  key: '5f0c8b1e-order-1042',
} as const;
export const EXAMPLE_TIME = '2026-11-22T18:00:00.000Z';

/** Ids are opaque to callers: one that cannot exist is as good as missing. */
export function isId(text: string): boolean {
  return UUID_PATTERN.test(text);
}

/** An id in an answer. */
export const IdField = z.string().openapi({ format: 'uuid' });

export const TimeField = z.string().openapi({ format: 'date-time' });

export const WalletIdField = z
  .string()
  .regex(UUID_PATTERN, 'must be a wallet id')
  .openapi({ format: 'uuid', example: EXAMPLE_IDS.wallet });

export const HoldIdField = z
  .string()
  .regex(UUID_PATTERN, 'must be a hold id')
  .openapi({ format: 'uuid', example: EXAMPLE_IDS.hold });

export const TransferIdField = z
  .string()
  .regex(UUID_PATTERN, 'must be a transfer id')
  .openapi({ format: 'uuid', example: EXAMPLE_IDS.transfer });

const RECIPIENT = 'A wallet id, or the email of another user: their wallet named as the currency receives the money';

export const RecipientField = z
  .string()
  .max(EMAIL_LENGTH_MAX)
  .regex(RECIPIENT_PATTERN, 'must be a wallet id or an email address')
  .openapi({
    description: RECIPIENT,
    example: 'bob@example.com',
  });

const OR_ADDRESS = 'for operators also the id or the address of any account';

/** As a wallet id, where operators pay from other accounts too. */
export const PayerField = z
  .string()
  .regex(REFERENCE_PATTERN, 'must be a wallet id')
  .openapi({ description: `A wallet id; ${OR_ADDRESS}`, example: EXAMPLE_IDS.wallet });

/** As a recipient, where operators pay other accounts too. */
export const PayeeField = z
  .string()
  .max(EMAIL_LENGTH_MAX)
  .regex(PAYEE_PATTERN, 'must be a wallet id or an email address')
  .openapi({ description: `${RECIPIENT}; ${OR_ADDRESS}`, example: 'bob@example.com' });

const AMOUNT_RULE = 'must be a positive whole number of minor units, at most 38 digits, as a string';

export const AmountField = z
  .string(AMOUNT_RULE)
  .regex(AMOUNT_PATTERN, AMOUNT_RULE)
  .openapi({ description: 'Whole minor units as a string: "1250" is 12.50 USD', example: '1250' });

/** An amount or balance in an answer. */
export const MinorUnitsField = z.string().openapi({ description: 'Whole minor units', example: '1250' });

export const CurrencyField = z
  .string()
  .regex(CURRENCY_PATTERN, 'must be a currency code such as USD')
  .openapi({ description: 'An ISO 4217 code or an asset of this ledger', example: 'USD' });

/** Printable ASCII without outer spaces, which a header loses: a key means the same in a header and in a body. */
export const IdempotencyKeyField = z
  .string()
  .regex(KEY_PATTERN, 'must be 1 to 255 printable ASCII characters, without spaces around them')
  .openapi({ description: 'Your name for this one intention, unique for ever', example: EXAMPLE_IDS.key });

/** In any case, Unicode form or form of its domain: what comes out is the one that names a user. */
export const EmailField = z
  .string()
  .transform((text, context) => {
    const email = canonicalEmail(text);
    if (email === undefined) context.addIssue({ code: 'custom', message: 'must be an email address' });
    return email ?? z.NEVER;
  })
  .openapi({ type: 'string', format: 'idn-email', maxLength: EMAIL_LENGTH_MAX, example: 'alice@example.com' });

export const DescriptionField = z
  .string()
  .max(500)
  .openapi({ description: 'Kept for ever: put no personal data here', example: 'Lunch' });

/** The ledger limits its size. A schema that describes JSON within JSON could itself be made to overflow the stack. */
export const MetadataField = z
  .record(z.string(), z.unknown())
  .refine((metadata) => !isNestedBeyond(metadata, METADATA_DEPTH_MAX), `must have at most ${METADATA_DEPTH_MAX} levels`)
  .openapi({
    description: 'A JSON object of yours, at most 8 KiB and 64 levels; whole numbers beyond 2^53 as texts',
    example: { orderId: '1042' },
  });

/** A point in time, which callers may give with any offset. */
export const InstantField = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 date and time such as 2026-11-22T18:00:00Z' })
  .transform((text) => new Date(text))
  .openapi({ type: 'string', format: 'date-time', example: EXAMPLE_TIME });

export const EffectiveAtField = InstantField.openapi({
  description: 'For operators: when it counts, if not when it is recorded; may lie in the past',
});

/** Of a reversal or a capture. */
export const ContinuedAtField = InstantField.openapi({
  description:
    'For operators: when it counts, not before the transfer or the hold that it continues. Default: when it is recorded, or with the original where that counts later',
});

export const DryRunField = z.boolean().openapi({
  description: 'Judge it as if it were done, under the same rules and locks, and do nothing: the answer is the same',
});

export const ReasonField = z
  .string()
  .min(1)
  .max(255)
  .openapi({ description: 'Kept for ever: put no personal data here', example: 'Ticket 1042' });

/** A number of a query has one way to be written: decimal digits, and no zero in front. */
export function wholeNumberParameter({ min, max }: { readonly min: number; readonly max: number }) {
  const rule = `must be a whole number from ${min} to ${max}, in decimal digits`;
  return z
    .string()
    .regex(/^(?:0|[1-9][0-9]{0,14})$/, rule)
    .transform(Number)
    .refine((value) => value >= min && value <= max, rule)
    .openapi({ type: 'integer', minimum: min, maximum: max });
}

/** Query of every list. */
export const PageQuery = z.strictObject({
  limit: wholeNumberParameter({ min: 1, max: PAGE_LIMIT_MAX })
    .optional()
    .openapi({ description: 'Rows on a page; 50 when left out' }),
  cursor: z
    .string()
    .min(1)
    .max(CURSOR_LENGTH_MAX)
    .optional()
    .openapi({ description: '`nextCursor` of the page before' }),
});

export const IdParams = z.object({ id: z.string().openapi({ format: 'uuid', example: EXAMPLE_IDS.wallet }) });

export const NextCursorField = z.string().nullable().openapi({ description: 'Null on the last page' });

/** Leaves out what the caller left out, as the ledger's options want it. */
export function pageOptions({ limit, cursor }: z.output<typeof PageQuery>) {
  return { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) };
}
