import { z } from 'zod';
import type { Metadata } from '../domain/input/metadata.js';
import { type JsonValue, parseJson } from '../domain/json/json.js';
import { isTraceparent, type SubmitTransferRequest } from '../domain/transfers/transfer-request.js';
import { LedgerError } from '../errors.js';

/** The validator's own words are about types of JavaScript, and change with its version: each field has its own. */
const text = z.string('must be text');
const account = text.meta({ description: 'id or address of an account' });
/** The message for a command with unknown fields. */
const NAMES_SHOWN_MAX = 3;
const AMOUNT_RULE = 'must be a positive whole number of minor units, at most 38 digits, as text';

/**
 * Every type of command and the shape of its data: the one source of what is accepted and of the AsyncAPI document.
 * A member that is not known is refused: it might have been meant to keep money from moving.
 */
export const COMMAND_DATA = {
  'transfer.request.v1': z
    .strictObject(
      {
        from: account,
        to: account,
        amount: z
          .string(AMOUNT_RULE)
          .regex(/^[1-9][0-9]{0,37}$/, AMOUNT_RULE)
          .meta({ description: 'whole minor units, positive' }),
        currency: text.meta({ examples: ['USD'] }),
        description: text.optional(),
        metadata: z
          .record(z.string(), z.unknown(), 'must be a JSON object')
          .optional()
          .meta({ description: 'any JSON, at most 8 KiB' }),
        reference: text.optional().meta({ description: "the caller's own name of the transfer" }),
        effectiveAt: z.iso
          .datetime({ error: 'must be RFC 3339 in UTC, such as 2026-11-22T18:00:00Z', abort: true })
          // Further digits would be dropped in silence.
          .regex(/^[^.]+(?:\.[0-9]{1,3}0*)?Z$/, 'must have at most three digits after the seconds')
          .optional()
          .meta({ description: 'RFC 3339 in UTC, with at most three digits after the seconds' }),
      },
      {
        error: (issue) =>
          issue.code === 'unrecognized_keys'
            ? `must not have unknown fields: ${issue.keys.slice(0, NAMES_SHOWN_MAX).join(', ')}`
            : 'must be a JSON object',
      },
    )
    .meta({ description: 'Asks for a transfer, which is posted or refused later.' }),
} as const;

export type CommandType = keyof typeof COMMAND_DATA;

/** A longer value than any command needs is not read. */
export const COMMAND_BYTES_MAX = 64 * 1024;

/** The reason why a message is not a valid command, for readers of the dead letters. */
export interface InvalidCommand {
  /** `too_large`, `malformed_attributes`, `unknown_type`, `malformed_json`, or a code of the ledger. */
  readonly reason: string;
  readonly message: string;
}

export type Decoded =
  | { readonly ok: true; readonly request: SubmitTransferRequest; readonly traceparent: string | undefined }
  | { readonly ok: false; readonly invalid: InvalidCommand };

/** A message as it came: CloudEvents 1.0 in Kafka's binary mode, if it is one of ours. */
export interface IncomingMessage {
  /** The one value of a header; undefined when it is missing or there are several. */
  readonly header: (name: string) => string | undefined;
  readonly value: Buffer | null;
}

/** Ids and sources are printable ASCII, so that they mean the same wherever they are kept. */
const ATTRIBUTE = /^[\x21-\x7e]{1,200}$/;

/**
 * Reads a command. Its source and id name it for ever, so that a repetition of the message is the same request; the
 * source is also who asks.
 */
export function decodeCommand({ header, value }: IncomingMessage): Decoded {
  const [id, source, type] = [header('ce_id'), header('ce_source'), header('ce_type')];
  if (value !== null && value.length > COMMAND_BYTES_MAX) {
    return invalid('too_large', `a command has at most ${COMMAND_BYTES_MAX} bytes`);
  }
  if (id === undefined || source === undefined || !ATTRIBUTE.test(id) || !ATTRIBUTE.test(source)) {
    return invalid('malformed_attributes', 'ce_id and ce_source must be 1 to 200 printable ASCII characters');
  }
  if (type === undefined || !Object.hasOwn(COMMAND_DATA, type)) {
    return invalid('unknown_type', `ce_type must be one of ${Object.keys(COMMAND_DATA).join(', ')}`);
  }
  const json = readJson(value);
  if (json instanceof LedgerError) {
    return invalid(json.details.field === undefined ? 'malformed_json' : 'invalid_request', json.message);
  }
  const { success, data, error } = COMMAND_DATA[type as CommandType].safeParse(json);
  if (!success) return invalid('invalid_request', error.issues.map(sentence).join('; '));
  const { from, to, amount, currency, description, metadata, reference, effectiveAt } = data;
  const request: SubmitTransferRequest = {
    from,
    to,
    amount: BigInt(amount),
    currency,
    idempotencyKey: id,
    scope: `commands:${source}`,
    requestedBy: source,
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata: metadata as Metadata }),
    ...(reference === undefined ? {} : { reference }),
    ...(effectiveAt === undefined ? {} : { effectiveAt: new Date(effectiveAt) }),
  };
  // The transport's own context comes first: CloudEvents' is that of the event's origin.
  const traceparent = [header('traceparent'), header('ce_traceparent')].find(isTraceparent);
  return { ok: true, request, traceparent };
}

function sentence({ path, message }: z.core.$ZodIssue): string {
  return `${path.length === 0 ? 'the data' : path.join('.')} ${message}`;
}

function invalid(reason: string, message: string): Decoded {
  return { ok: false, invalid: { reason, message } };
}

function readJson(value: Buffer | null): JsonValue | LedgerError {
  try {
    return parseJson(value ?? Buffer.alloc(0));
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
}
