import { expect, it } from 'vitest';
import { prefersAsync } from './prefer.js';

it.each([
  [undefined, false],
  ['', false],
  ['respond-async', true],
  ['Respond-Async', true],
  ['respond-async, wait=10', true],
  ['return=minimal,respond-async;unknown=1', true],
  ['wait=10', false],
  ['x-respond-async', false],
  ['return="respond-async"', false],
])('%j asks for an asynchronous response: %j', (header, expected) => {
  expect(prefersAsync(header)).toBe(expected);
});
