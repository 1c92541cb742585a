import { hash } from 'node:crypto';
import { LedgerError } from '../../errors.js';
import { type Members, optional, wholeNumber } from './arguments.js';

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

/** @throws {LedgerError} `invalid_cursor` unless the place in the cursor fits the pattern */
export function decodeCursor(cursor: string | undefined, pattern: RegExp): Cursor | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursorText(cursor), 'base64url').toString();
  const place = pattern.exec(text.slice(MARK_LENGTH + 1));
  if (place === null) throw invalidCursor();
  return { mark: text.slice(0, MARK_LENGTH), place: place.slice(1) };
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
