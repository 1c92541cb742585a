import {
  ACCOUNT_TYPES,
  LedgerError,
  type Metadata,
  type OpenAccount,
  type PostTransfer,
  parseAmount,
  parseJson,
} from '@micropay/ledger-core';
import { z } from 'zod';
import { LineError, type RefusedLine } from './refused-line.js';

/** A line as it stands in the file: texts from CSV, any JSON from JSON lines. */
export interface FileRecord {
  readonly line: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

const COMMON = ['kind', 'id', 'currency', 'metadata'];
const OF_ACCOUNTS = ['address', 'type', 'minimum', 'maximum'];
const OF_TRANSFERS = ['from', 'to', 'amount', 'idempotency_key', 'effective_at', 'description', 'reference'];

/** Every column that a file may have; docs/how-to/import.md says what each means. */
export const COLUMNS: readonly string[] = [...COMMON, ...OF_ACCOUNTS, ...OF_TRANSFERS];

export interface AccountLine {
  readonly kind: 'account';
  readonly line: number;
  readonly request: OpenAccount;
}

export interface TransferLine {
  readonly kind: 'transfer';
  readonly line: number;
  readonly request: PostTransfer;
}

export type ImportLine = AccountLine | TransferLine;

/** Keys that are made from a file's name live apart from those that people choose. */
const DERIVED_SCOPE = 'import';
/** In milliseconds, as the ledger counts: further digits would be dropped in silence. */
const INSTANT = z.iso.datetime({ offset: true }).regex(/^[^.]+(?:\.[0-9]{1,3}0*)?(?:Z|[+-][0-9:]+)$/);
const WHOLE_NUMBER = /^-?[0-9]{1,38}$/;

/** The parts of the key of a transfer that has none of its own. */
export interface PlaceInFile {
  readonly fileId: string | undefined;
  /** The record's number in the file, from 1. A line number would change when a line is inserted, and with it all keys. */
  readonly number: number;
}

/** Converts a record to an account to open or a transfer to post, or to the refusal of its line. */
export function toImportLine(record: FileRecord, place: PlaceInFile): ImportLine | RefusedLine {
  const { line, fields } = record;
  try {
    return kindOf(fields) === 'account'
      ? { kind: 'account', line, request: toAccount(fields) }
      : { kind: 'transfer', line, request: toTransfer(fields, place) };
  } catch (error) {
    if (!(error instanceof LineError || error instanceof LedgerError)) throw error;
    return { line, code: error.code, message: error.message };
  }
}

type Fields = FileRecord['fields'];

function kindOf(fields: Fields): ImportLine['kind'] {
  const kind = fields.kind ?? ('address' in fields ? 'account' : 'transfer');
  if (kind !== 'account' && kind !== 'transfer') {
    throw new LineError('unknown_kind', 'kind must be account or transfer');
  }
  const others = kind === 'account' ? OF_ACCOUNTS : OF_TRANSFERS;
  const strange = Object.keys(fields).find((name) => !COMMON.includes(name) && !others.includes(name));
  if (strange !== undefined) {
    throw new LineError(
      'unexpected_field',
      `"${strange.slice(0, 50)}" does not belong on the line of ${kind === 'account' ? 'an account' : 'a transfer'}`,
    );
  }
  return kind;
}

function toAccount(fields: Fields): OpenAccount {
  const type = textOf(fields, 'type');
  const known = ACCOUNT_TYPES.find((name) => name === type);
  if (type !== undefined && known === undefined) {
    throw new LineError('invalid_field', `type must be one of ${ACCOUNT_TYPES.join(', ')}`);
  }
  return {
    address: requiredText(fields, 'address'),
    currency: requiredText(fields, 'currency'),
    ...present({
      type: known,
      minimum: limitOf(fields, 'minimum'),
      maximum: limitOf(fields, 'maximum'),
      metadata: metadataOf(fields),
      id: textOf(fields, 'id'),
    }),
  };
}

function toTransfer(fields: Fields, place: PlaceInFile): PostTransfer {
  return {
    from: requiredText(fields, 'from'),
    to: requiredText(fields, 'to'),
    amount: parseAmount(numberText(fields, 'amount') ?? missing('amount')),
    currency: requiredText(fields, 'currency'),
    ...keyOf(fields, place),
    ...present({
      effectiveAt: instantOf(fields),
      description: textOf(fields, 'description'),
      reference: textOf(fields, 'reference'),
      metadata: metadataOf(fields),
      id: textOf(fields, 'id'),
    }),
  };
}

/** Without a key a second run would post the line twice. */
function keyOf(fields: Fields, { fileId, number }: PlaceInFile) {
  const idempotencyKey = textOf(fields, 'idempotency_key');
  if (idempotencyKey !== undefined) return { idempotencyKey };
  if (fileId === undefined) {
    throw new LineError(
      'missing_key',
      'a transfer needs an idempotency_key, or the file a name of its own with --file-id, so that a second run posts nothing twice',
    );
  }
  return { idempotencyKey: `${fileId} record ${number}`, scope: DERIVED_SCOPE };
}

function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new LineError('invalid_field', `${name} must be a text`);
  return value;
}

function requiredText(fields: Fields, name: string): string {
  return textOf(fields, name) ?? missing(name);
}

function missing(name: string): never {
  throw new LineError('missing_field', `${name} is missing`);
}

function numberText(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (typeof value !== 'number') return textOf(fields, name);
  if (!Number.isSafeInteger(value)) {
    throw new LineError('invalid_field', `${name} must be whole minor units, and as a text beyond 2^53`);
  }
  return value.toString();
}

/** Undefined for the default, null for none. */
function limitOf(fields: Fields, name: string): bigint | null | undefined {
  if (fields[name] === null) return null;
  const text = numberText(fields, name);
  if (text === undefined) return undefined;
  if (text === 'none') return null;
  if (!WHOLE_NUMBER.test(text)) {
    throw new LineError('invalid_field', `${name} must be whole minor units of at most 38 digits, or none`);
  }
  return BigInt(text);
}

function instantOf(fields: Fields): Date | undefined {
  const text = textOf(fields, 'effective_at');
  if (text === undefined) return undefined;
  if (!INSTANT.safeParse(text).success) {
    throw new LineError(
      'invalid_field',
      'effective_at must be an instant with its zone, with at most three digits after the seconds, such as 2026-01-31T12:00:00Z',
    );
  }
  return new Date(text);
}

/** JSON as text in CSV, as it is in JSON lines; the ledger checks that it is an object. */
function metadataOf(fields: Fields): Metadata | undefined {
  const value = fields.metadata;
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') return value as Metadata;
  try {
    return parseJson(value) as Metadata;
  } catch (error) {
    const isNamed = error instanceof LedgerError && error.details.field !== undefined;
    throw new LineError('invalid_field', isNamed ? `in metadata, ${error.message}` : 'metadata must be a JSON object');
  }
}

type Present<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** Leaves out what is undefined: to the ledger a member that is there has been said. */
function present<Fields extends Record<string, unknown>>(fields: Fields): Present<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>;
}
