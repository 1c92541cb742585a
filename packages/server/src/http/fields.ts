import { z } from '@hono/zod-openapi';
import { checkMetadata, LedgerError, type Metadata } from '@micropay/ledger-core';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const UUID_PATTERN = new RegExp(`^${UUID}$`);
/** Any visible characters around an `@`, as every registered email has. */
const EMAIL = '[^\\u0000- @\\u007f-\\u00a0]+@[^\\u0000- @\\u007f-\\u00a0]+';
const RECIPIENT_PATTERN = new RegExp(`^(?:${UUID}|${EMAIL})$`);
const SEGMENT = '(?!\\.+(?::|$))[a-zA-Z0-9_.-]+';
export const ADDRESS = `${SEGMENT}(?::${SEGMENT})*`;
/** An id or an address. */
const REFERENCE = '[a-zA-Z0-9_.:-]{1,200}';
const REFERENCE_PATTERN = new RegExp(`^${REFERENCE}$`);
const PAYEE_PATTERN = new RegExp(`^(?:${REFERENCE}|${EMAIL})$`);
const AMOUNT_PATTERN = /^[1-9][0-9]{0,37}$/;
export const CURRENCY_PATTERN = /^[A-Z][A-Z0-9]{1,11}$/;
/** Of an idempotency key. */
export const KEY_PATTERN = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
const CURSOR_PATTERN = /^[A-Za-z0-9_-]{1,500}$/;
const ADDRESS_LENGTH_MAX = 200;
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

/** Ids are opaque to callers, so an id that cannot exist is reported as not found. */
export function isId(text: string): boolean {
  return UUID_PATTERN.test(text);
}

/** An id in a response. */
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

/** An email as the caller sends it may be longer than its canonical form, which has the length limit of emails. */
const PAYEE_LENGTH_MAX = 1_000;

const RECIPIENT =
  'A wallet id, or another user’s email: the money goes to their wallet that is named after the currency';

export const RecipientField = z
  .string()
  .max(PAYEE_LENGTH_MAX)
  .regex(RECIPIENT_PATTERN, 'must be a wallet id or an email address')
  .openapi({
    description: RECIPIENT,
    example: 'bob@example.com',
  });

const OR_ADDRESS = 'operators may also name any account by id or address';

/** A wallet id; operators may name any account. */
export const PayerField = z
  .string()
  .regex(REFERENCE_PATTERN, 'must be a wallet id')
  .openapi({ description: `A wallet id; ${OR_ADDRESS}`, example: EXAMPLE_IDS.wallet });

/** A recipient; operators may name any account. */
export const PayeeField = z
  .string()
  .max(PAYEE_LENGTH_MAX)
  .regex(PAYEE_PATTERN, 'must be a wallet id or an email address')
  .openapi({ description: `${RECIPIENT}; ${OR_ADDRESS}`, example: 'bob@example.com' });

const AMOUNT_RULE = 'must be a positive whole number of minor units, at most 38 digits, as a string';

export const AmountField = z
  .string(AMOUNT_RULE)
  .regex(AMOUNT_PATTERN, AMOUNT_RULE)
  .openapi({ description: 'Whole minor units as a string: "1250" is 12.50 USD', example: '1250' });

/** An amount or balance in a response. */
export const MinorUnitsField = z.string().openapi({ description: 'Whole minor units', example: '1250' });

export const CurrencyField = z
  .string()
  .regex(CURRENCY_PATTERN, 'must be a currency code such as USD')
  .openapi({ description: 'An ISO 4217 code or an asset of this ledger', example: 'USD' });

/** Printable ASCII without outer spaces, which a header loses: a key means the same in a header and in a body. */
export const IdempotencyKeyField = z
  .string()
  .regex(KEY_PATTERN, 'must be 1 to 255 printable ASCII characters, without spaces around them')
  .openapi({
    description: 'Your unique key for this operation. Use the same key for every retry, and never for anything else',
    example: EXAMPLE_IDS.key,
  });

/** PostgreSQL cannot store U+0000. The pattern is spelled out so that JSON Schema reads it too. */
export const STORABLE_TEXT = '[^\\u0000]*$';
export const STORABLE = new RegExp(`^${STORABLE_TEXT}`);
/** The pattern of a metadata member's name. */
export const MEMBER_NAME = `^(?!__proto__$)${STORABLE_TEXT}`;

/** A string that can be stored. Its length is counted in characters, as in JSON Schema, and not in UTF-16 code units. */
export function textField({ min = 0, max }: { readonly min?: number; readonly max: number }) {
  const rule = min === 0 ? `must have at most ${max} characters` : `must have ${min} to ${max} characters`;
  return z
    .string()
    .regex(STORABLE, 'must not contain U+0000')
    .refine((text) => !/\p{Surrogate}/u.test(text), 'must not contain a lone surrogate')
    .refine((text) => isWithin(charactersOf(text), min, max), rule)
    .openapi({ minLength: min, maxLength: max });
}

function charactersOf(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function isWithin(count: number, min: number, max: number): boolean {
  return count >= min && count <= max;
}

export const DescriptionField = textField({ max: 500 }).openapi({
  description: 'Stored permanently: do not put personal data here',
  example: 'Lunch',
});

/** The ledger refuses the same texts. */
export const ReferenceField = textField({ min: 1, max: 255 })
  .regex(/^[^\p{Cc}]*$/u, 'must not contain control characters')
  .openapi({
    pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
    description: 'Your own name of it, to find it by. Stored permanently: do not put personal data here',
    example: 'order-4711',
  });

/** A reference in a response. */
export const GivenReferenceField = z
  .string()
  .nullable()
  .openapi({ description: 'The caller’s own name of it; null if it has none' });

/** The ledger limits its size. It is not a recursive schema, because nested input could make that overflow the stack. */
export const MetadataField = z
  .record(z.string(), z.unknown())
  .superRefine((metadata, context) => {
    try {
      checkMetadata(metadata as Metadata);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      const field = String(error.details.field);
      // The ledger's sentence begins with the member, which stands in the path here.
      context.addIssue({
        code: 'custom',
        path: field.split('.').slice(1),
        message: error.message.slice(field.length + 1),
      });
    }
  })
  .openapi({
    type: 'object',
    ...{ patternProperties: { [MEMBER_NAME]: { $ref: '#/components/schemas/JsonValue' } } },
    additionalProperties: false,
    description:
      'Your own JSON object, at most 8 KiB and 64 levels deep. Send whole numbers beyond 2^53 as strings; U+0000 is not allowed',
    example: { orderId: '1042' },
  });

/** Year of a point in time, which callers may send with any offset. */
const YEAR = '(?!0000)';
const OFFSET = '(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])';
const DAY = `${YEAR}${z.core.regexes.date.source.slice(1, -1)}`.replaceAll('\\d', '[0-9]');
const TIME = '(?:[01][0-9]|2[0-3]):[0-5][0-9]';
const INSTANT_PATTERN = new RegExp(`^${DAY}T${TIME}:[0-5][0-9](?:\\.[0-9]{1,3}0{0,6})?${OFFSET}$`);
/** A day, or an instant with at most milliseconds, the ledger's resolution. */
export const MOMENT_PATTERN = new RegExp(`^${DAY}(?:T${TIME}:[0-5][0-9](?:\\.[0-9]{1,3})?${OFFSET})?$`);

export const InstantField = z
  .string()
  .regex(INSTANT_PATTERN, 'must be an RFC 3339 date and time such as 2026-11-22T18:00:00Z')
  .transform((text) => new Date(text))
  .openapi({ type: 'string', format: 'date-time', pattern: INSTANT_PATTERN.source, example: EXAMPLE_TIME });

export const EffectiveAtField = InstantField.openapi({
  description:
    'For operators: the time from which the transfer counts; may be in the past. Default: the time at which it is recorded',
});

/** The effective time of a reversal or a capture. */
export const ContinuedAtField = InstantField.openapi({
  description:
    'For operators: the time from which it counts, not before that of the original transfer or hold. Default: the time at which it is recorded, or that of the original if that is later',
});

export const DryRunField = z.boolean().openapi({
  description:
    'Check the request under the same rules and locks and return the result it would have, but change nothing',
});

export const ReasonField = textField({ min: 1, max: 255 }).openapi({
  description: 'Stored permanently: do not put personal data here',
  example: 'Ticket 1042',
});

/** A number in a query has one spelling: decimal digits without leading zeros. */
export function wholeNumberParameter({ min, max }: { readonly min: number; readonly max: number }) {
  const rule = `must be a whole number from ${min} to ${max}, in decimal digits`;
  return z
    .string()
    .regex(/^(?:0|[1-9][0-9]{0,14})$/, rule)
    .transform(Number)
    .refine((value) => value >= min && value <= max, rule)
    .openapi({ type: 'integer', minimum: min, maximum: max });
}

export const OVERLAP_SECONDS_MAX = 7 * 24 * 3_600;

/** For how long a secret still counts beside the one that replaces it. */
export const OverlapSecondsField = z.int().min(0).max(OVERLAP_SECONDS_MAX).optional().openapi({ example: 3_600 });

/** Query of every list. */
export const PageQuery = z.strictObject({
  limit: wholeNumberParameter({ min: 1, max: PAGE_LIMIT_MAX })
    .optional()
    .openapi({ description: 'Items on a page; default 50' }),
  cursor: z
    .string()
    .regex(CURSOR_PATTERN, 'must be the nextCursor of an earlier page')
    .optional()
    .openapi({ description: 'The `nextCursor` of the previous page' }),
});

/** Documented but not checked: a text that is not an id is reported as not found. */
export const IdParams = z.object({
  id: z.string().regex(UUID_PATTERN, 'must be an id').openapi({ format: 'uuid', example: EXAMPLE_IDS.wallet }),
});

/** Path parameters of routes that also accept an account's address. */
export const ReferenceParams = z.object({
  id: z
    .string()
    .regex(REFERENCE_PATTERN, 'must be an id or an address')
    .openapi({ description: 'An id or an address', example: 'fees:card:usd' }),
});

/** The ledger refuses an address that looks like an id, too. */
export const AddressField = z
  .string()
  .max(ADDRESS_LENGTH_MAX)
  .regex(
    new RegExp(`^${ADDRESS}$`),
    'must be a path such as fees:card:usd: letters, digits, "_", "." and "-" in segments joined by ":", none of dots alone',
  )
  .openapi({ description: 'A path such as fees:card:usd', example: 'fees:card:usd' });

export const NextCursorField = z.string().nullable().openapi({ description: 'Null on the last page' });

/** Options for the ledger, which accepts no undefined members. */
export function pageOptions({ limit, cursor }: z.output<typeof PageQuery>) {
  return { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) };
}
