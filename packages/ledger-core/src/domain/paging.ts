import { LedgerError } from '../errors.js';

export const PAGE_LIMIT_DEFAULT = 50;
export const PAGE_LIMIT_MAX = 1_000;

/** @throws {LedgerError} `invalid_request` */
export function checkPageLimit(limit = PAGE_LIMIT_DEFAULT): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_LIMIT_MAX) {
    throw new LedgerError('invalid_request', `limit must be a whole number from 1 to ${PAGE_LIMIT_MAX}`);
  }
  return limit;
}

export function encodeCursor(...parts: readonly (string | number | bigint)[]): string {
  return Buffer.from(parts.join(' ')).toString('base64url');
}

/** @throws {LedgerError} `invalid_cursor` unless the text in the cursor fits the pattern. */
export function decodeCursor(cursor: string, pattern: RegExp): readonly string[] {
  const match = typeof cursor === 'string' && pattern.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match) {
    throw new LedgerError('invalid_cursor', 'cursor must be the nextCursor of an earlier page, unchanged');
  }
  return match.slice(1);
}
