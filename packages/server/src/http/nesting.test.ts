import { expect, it } from 'vitest';
import { findUnstorable, isNestedBeyond } from './nesting.js';

it.each([
  ['a text', 'x', 1, false],
  ['an empty object', {}, 1, false],
  ['one level', { a: 1 }, 1, true],
  ['one level, two allowed', { a: 1 }, 2, false],
  ['mixed levels', { a: [{ b: null }], c: 1 }, 3, true],
  ['mixed levels, four allowed', { a: [{ b: null }], c: 1 }, 4, false],
])('measures %s', (_name, value, depthMax, expected) => {
  expect(isNestedBeyond(value, depthMax)).toBe(expected);
});

it('survives a depth that would overflow the stack', () => {
  const depth = 100_000;
  expect(isNestedBeyond(JSON.parse('['.repeat(depth) + ']'.repeat(depth)), 64)).toBe(true);
});

it.each([
  ['a text', 'a', undefined],
  ['a text with it', 'a\0', []],
  ['a name with it', { 'a\0': 1 }, ['a\0']],
  ['one far within', { a: [1, null, { b: ['x', { c: 'y\0' }] }] }, ['a', '2', 'b', '1', 'c']],
  ['a number beyond 2^53', { a: [9_007_199_254_740_992] }, ['a', '0']],
  ['none far within', { a: [1, null, { b: ['x', { c: 'y' }] }] }, undefined],
])('finds what cannot be stored in %s', (_name, value, expected) => {
  expect(findUnstorable(value, 64)).toEqual(expected);
});

it('looks no deeper than it is told', () => {
  const depth = 20_000;
  expect(findUnstorable(JSON.parse(`${'['.repeat(depth)}"\\u0000"${']'.repeat(depth)}`), 64)).toBe(undefined);
});
