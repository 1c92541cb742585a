import { hash } from 'node:crypto';
import { LedgerError } from '../../errors.js';
import { type Members, optional, wholeNumber } from './arguments.js';
import { isInstantMs } from './instant.js';

export const PAGE_LIMIT_DEFAULT = 50;
export const PAGE_LIMIT_MAX = 1_000;

export const PAGE: Members<{ readonly limit?: number; readonly cursor?: string }> = {
  limit: optional(wholeNumber(1, PAGE_LIMIT_MAX)),
  cursor: optional(cursorText),
};

/** @throws {LedgerError} `invalid_cursor` */
function cursorText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw invalidCursor();
}

/** Identifies a list: its ledger, account and filter. */
export type ListName = readonly (string | number | bigint | boolean)[];

/** The start of a page, read from its text, and the mark of the list that it was issued for. */
export interface Cursor {
  readonly mark: string;
  readonly place: readonly string[];
}

const MARK_LENGTH = 8;

/** A place in a list; the mark in front keeps it from being taken for a place in another one. */
export function encodeCursor(list: ListName, ...place: readonly (string | number | bigint)[]): string {
  return Buffer.from([markOf(list), ...place].join(' ')).toString('base64url');
}

/**
 * The parts of a place. Each lets through only what PostgreSQL takes as a value of its type: callers can write a cursor themselves,
 * and one that is refused there is not refused by a code.
 */
const PARTS = {
  /** A position or version: all that have 18 digits are a `bigint`, not all that have 19. */
  number: (text: string) => /^\d{1,18}$/.test(text),
  balance: (text: string) => /^-?\d{1,38}$/.test(text),
  /** Milliseconds since 1970. */
  instant: (text: string) => /^-?\d{1,15}$/.test(text) && isInstantMs(Number(text)),
  id: (text: string) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text),
  address: (text: string) => /^[a-zA-Z0-9_.:-]{1,200}$/.test(text),
} as const;

/** The parts of a place in a list, in their order. */
export type PlaceParts = readonly (keyof typeof PARTS)[];

/** @throws {LedgerError} `invalid_cursor` unless the place in the cursor has these parts */
export function decodeCursor(cursor: string | undefined, parts: PlaceParts): Cursor | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursorText(cursor), 'base64url').toString();
  const place = text.slice(MARK_LENGTH + 1).split(' ');
  const isPlace = place.length === parts.length && parts.every((part, index) => PARTS[part](place[index] ?? ''));
  if (!isPlace) throw invalidCursor();
  return { mark: text.slice(0, MARK_LENGTH), place };
}

/**
 * The place at which a page of this list begins; empty without a cursor.
 *
 * @throws {LedgerError} `invalid_cursor` for a cursor of another list
 */
export function placeIn(list: ListName, cursor: Cursor | undefined): readonly string[] {
  if (cursor === undefined) return [];
  if (cursor.mark !== markOf(list)) throw invalidCursor();
  return cursor.place;
}

function markOf(list: ListName): string {
  return hash('sha256', list.join(' '), 'hex').slice(0, MARK_LENGTH);
}

function invalidCursor(): LedgerError {
  return new LedgerError('invalid_cursor', 'cursor must be the nextCursor of an earlier page of this list, unchanged', {
    field: 'cursor',
  });
}
