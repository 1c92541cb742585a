import { describe, expect, it } from 'vitest';
import { object } from './arguments.js';
import { decodeCursor, encodeCursor, PAGE, type PlaceParts, placeIn } from './paging.js';

const PARTS: PlaceParts = ['number', 'number'];
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
    expect(placeIn(LIST, decodeCursor(encodeCursor(LIST, 12, 34n), PARTS))).toEqual(['12', '34']);
  });

  it('a cursor that is left out is no place', () => {
    expect(placeIn(LIST, decodeCursor(undefined, PARTS))).toEqual([]);
  });

  it.each([
    ['of another account', ['entries', 1, 'bob']],
    ['of another ledger', ['entries', 2, 'alice']],
    ['of another kind', ['holds', 1, 'alice']],
    ['with another filter', ['entries', 1, 'alice', true]],
  ])('a cursor of a list %s is refused', (_name, other) => {
    const cursor = decodeCursor(encodeCursor(other, 12, 34n), PARTS);
    expect(() => placeIn(LIST, cursor)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
  });

  it.each<[PlaceParts[number], readonly string[], readonly string[]]>([
    ['number', ['0', '9'.repeat(18)], ['', '-1', '1.5', '9'.repeat(19)]],
    ['balance', ['-1', '9'.repeat(38)], ['--1', '9'.repeat(39)]],
    ['instant', ['-62135596800000', '253402300799999'], ['-62135596800001', '253402300800000', '9'.repeat(15), '-']],
    ['id', ['0190b7c4-0000-7000-8000-000000000001'], ['-'.repeat(36), '0'.repeat(36), '0190b7c4-0000-7000-8000']],
    ['address', ['users:1:usd'], ['a\u0000', 'ü', 'a'.repeat(201)]],
  ])('a part that is a %s is read only if PostgreSQL takes it', (part, taken, refused) => {
    for (const place of taken) expect(placeIn(LIST, decodeCursor(encodeCursor(LIST, place), [part]))).toEqual([place]);
    for (const place of refused) {
      expect(() => decodeCursor(encodeCursor(LIST, place), [part]), place).toThrow(
        expect.objectContaining({ code: 'invalid_cursor' }),
      );
    }
  });

  it.each(['', '%%%', encodeCursor(LIST, 12), encodeCursor(LIST, 12, 34n, 5n), 5 as unknown as string])(
    '%j is refused',
    (cursor) => {
      expect(() => decodeCursor(cursor, PARTS)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
    },
  );
});
