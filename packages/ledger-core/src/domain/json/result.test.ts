import { expect, it } from 'vitest';
import { ResultMap, result, writable } from './result.js';

const AT = new Date('2026-05-05T12:00:00.000Z');

it('a result is written with its amounts as decimal texts and its dates as instants', () => {
  const nested = result({ posted: -5n });
  const given = result({ amount: 10n ** 30n, at: AT, count: 7, none: null, nested });
  expect(JSON.parse(JSON.stringify(given))).toEqual({
    amount: `1${'0'.repeat(30)}`,
    at: AT.toISOString(),
    count: 7,
    none: null,
    nested: { posted: '-5' },
  });
});

it('a result has its own members and no more', () => {
  const given = result({ amount: 1n });
  expect(Object.keys(given)).toEqual(['amount']);
  expect({ ...given }).toEqual({ amount: 1n });
  expect(given.toString()).toBe('[object Object]');
});

it('a map of results is written as an object', () => {
  expect(
    JSON.stringify(
      new ResultMap([
        ['a', 1n],
        ['b', 2n],
      ]),
    ),
  ).toBe('{"a":"1","b":"2"}');
});

it('an array of results is written as an array, and lists its elements alone', () => {
  const given = writable([1n, result({ amount: 2n }), 'a']);
  expect(JSON.stringify(given)).toBe('["1",{"amount":"2"},"a"]');
  expect(Object.keys(given)).toEqual(['0', '1', '2']);
});
