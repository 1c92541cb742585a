import { hash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createUsedUpNames } from './used-up-names.js';

const hashOf = (name: string) => hash('sha256', name, 'buffer');

it('remembers used-up names while what they lack refills, and of too many the latest', () => {
  let nowMs = 0;
  const names = createUsedUpNames(60, { now: () => nowMs, namesMax: 2 });
  expect(names.leftAtMost(hashOf('alice'))).toBe(60);
  names.remember(hashOf('alice'), 0.5);
  names.remember(hashOf('bob'), 0);
  nowMs = 500;
  expect(names.leftAtMost(hashOf('alice'))).toBe(1);
  expect(names.leftAtMost(hashOf('bob'))).toBe(0.5);
  names.remember(hashOf('alice'), 0);
  names.remember(hashOf('carol'), 0);
  expect(names.leftAtMost(hashOf('bob'))).toBe(60);
  expect(names.leftAtMost(hashOf('alice'))).toBe(0);
  nowMs = 3_600_000;
  expect(names.leftAtMost(hashOf('alice'))).toBe(60);
});
