import { ProblemError } from '../errors/problem.js';
import { isId } from './fields.js';

// Lists of the server's own tables. The ledger pages its own.

/** Where a list goes on that is ordered by time. */
export interface Place {
  readonly at: Date;
  readonly id: string;
}

/** A page of rows that were read with one more than `limit`; `cursorAfter` makes the cursor behind the last one shown. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  cursorAfter: (last: Row) => string,
): { readonly data: readonly Row[]; readonly nextCursor: string | null } {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  return { data, nextCursor: rows.length > limit && last !== undefined ? cursorAfter(last) : null };
}

/** A cursor of one list alone: `owner` names it, such as a ledger or one user's inbox. */
export function cursorTo(owner: string, key: string): string {
  return Buffer.from(`${owner}:${key}`).toString('base64url');
}

export function cursorToPlace(owner: string, { at, id }: Place): string {
  return cursorTo(owner, `${at.getTime()}:${id}`);
}

/**
 * The key in a cursor.
 *
 * @throws {ProblemError} `invalid_cursor` for a cursor of another list, or a key that is none
 */
export function keyIn(owner: string, cursor: string, isKey: (key: string) => boolean = isId): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  const key = text.slice(owner.length + 1);
  if (text.startsWith(`${owner}:`) && isKey(key)) return key;
  throw new ProblemError('invalid_cursor', 'cursor: must be the nextCursor of an earlier page');
}

/** @throws {ProblemError} `invalid_cursor` */
export function placeIn(owner: string, cursor: string): Place {
  const [time = '', id = ''] = keyIn(owner, cursor, isPlace).split(':');
  return { at: new Date(Number(time)), id };
}

function isPlace(key: string): boolean {
  const [time = '', id = '', ...more] = key.split(':');
  return /^[0-9]{1,15}$/.test(time) && isId(id) && more.length === 0;
}
