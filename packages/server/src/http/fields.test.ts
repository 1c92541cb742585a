import { expect, it } from 'vitest';
import { MetadataField } from './fields.js';

/** Path of the fault; undefined if there is none. */
function faultOf(metadata: unknown): string | undefined {
  return MetadataField.safeParse(metadata).error?.issues[0]?.path.join('.');
}

function nested(depth: number): unknown {
  return { a: JSON.parse('['.repeat(depth) + ']'.repeat(depth)) };
}

it.each([
  ['an empty object', {}, undefined],
  ['64 levels', nested(63), undefined],
  ['65 levels', nested(64), ''],
  ['a depth that would overflow the stack', nested(100_000), ''],
])('metadata may have 64 levels: %s', (_name, metadata, expected) => {
  expect(faultOf(metadata)).toBe(expected);
});

it.each([
  ['a text', { a: 'a' }, undefined],
  ['a text with it', { a: 'a\0' }, 'a'],
  ['a name with it', { 'a\0': 1 }, ''],
  ['one far within', { a: [1, null, { b: ['x', { c: 'y\0' }] }] }, 'a.2.b.1.c'],
  ['a number beyond 2^53', { a: [9_007_199_254_740_992] }, 'a.0'],
  ['none far within', { a: [1, null, { b: ['x', { c: 'y' }] }] }, undefined],
])('metadata names the member that cannot be stored: %s', (_name, metadata, expected) => {
  expect(faultOf(metadata)).toBe(expected);
});
