import { expect, it } from 'vitest';
import { isLongerThan } from './text.js';

it.each([
  ['', 0, false],
  ['aa', 2, false],
  ['aaa', 2, true],
  ['😀😀', 2, false],
  ['😀😀a', 2, true],
  ['😀'.repeat(3), 2, true],
])('%j is longer than %i characters: %s', (text, max, expected) => {
  expect(isLongerThan(text, max)).toBe(expected);
});
