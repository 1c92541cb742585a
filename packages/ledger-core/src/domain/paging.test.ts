import { describe, expect, it } from 'vitest';
import { checkPageLimit, decodeCursor, encodeCursor } from './paging.js';

const PATTERN = /^before ([0-9]+) ([0-9]+)$/;

describe('checkPageLimit', () => {
  it.each([
    [undefined, 50],
    [1, 1],
    [1_000, 1_000],
  ])('of %s is %i', (limit, expected) => {
    expect(checkPageLimit(limit)).toBe(expected);
  });

  it.each([0, -1, 1_001, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '10' as unknown as number])(
    'refuses %s',
    (limit) => {
      expect(() => checkPageLimit(limit)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    },
  );
});

describe('decodeCursor', () => {
  it('reads what encodeCursor wrote', () => {
    expect(decodeCursor(encodeCursor('before', 12, 34n), PATTERN)).toEqual(['12', '34']);
  });

  it.each(['', '%%%', encodeCursor('after', 12, 34n), encodeCursor('before', 12), 5 as unknown as string])(
    'refuses %j',
    (cursor) => {
      expect(() => decodeCursor(cursor, PATTERN)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
    },
  );
});
