import { describe, expect, it } from 'vitest';
import { object } from './arguments.js';
import { decodeCursor, encodeCursor, PAGE, placeIn } from './paging.js';

const PATTERN = /^([0-9]+) ([0-9]+)$/;
const LIST = ['entries', 1, 'alice'];

const readPage = (limit: unknown) => object(PAGE)({ limit }, 'options').limit;

describe('the limit of a page', () => {
  it.each([undefined, 1, 1_000])('the limit of a page may be %s', (limit) => {
    expect(readPage(limit)).toBe(limit);
  });

  it.each([0, -1, 1_001, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '10' as unknown as number])(
    'the limit of a page refuses %s',
    (limit) => {
      expect(() => readPage(limit)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    },
  );
});

describe('a cursor', () => {
  it('a cursor is read as the place that was written', () => {
    expect(placeIn(LIST, decodeCursor(encodeCursor(LIST, 12, 34n), PATTERN))).toEqual(['12', '34']);
  });

  it('a cursor that is left out is no place', () => {
    expect(placeIn(LIST, decodeCursor(undefined, PATTERN))).toEqual([]);
  });

  it.each([
    ['of another account', ['entries', 1, 'bob']],
    ['of another ledger', ['entries', 2, 'alice']],
    ['of another kind', ['holds', 1, 'alice']],
    ['with another filter', ['entries', 1, 'alice', true]],
  ])('a cursor of a list %s is refused', (_name, other) => {
    const cursor = decodeCursor(encodeCursor(other, 12, 34n), PATTERN);
    expect(() => placeIn(LIST, cursor)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
  });

  it.each(['', '%%%', encodeCursor(LIST, 12), encodeCursor(LIST, 12, 34n, 5n), 5 as unknown as string])(
    '%j is refused',
    (cursor) => {
      expect(() => decodeCursor(cursor, PATTERN)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
    },
  );
});
