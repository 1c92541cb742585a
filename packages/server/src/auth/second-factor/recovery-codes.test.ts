import { expect, it } from 'vitest';
import { newRecoveryCode } from './recovery-codes.js';

it('a recovery code is four groups of characters that look like no other, and each is another one', () => {
  const codes = Array.from({ length: 1_000 }, newRecoveryCode);
  for (const code of codes) expect(code).toMatch(/^[a-z2-7]{4}(?:-[a-z2-7]{4}){3}$/);
  expect(new Set(codes).size).toBe(1_000);
  // Of 16,000 characters each of the 32 is there about 500 times.
  const counts = new Map<string, number>();
  for (const character of codes.join('').replaceAll('-', '')) counts.set(character, (counts.get(character) ?? 0) + 1);
  expect(counts.size).toBe(32);
  expect(Math.min(...counts.values())).toBeGreaterThan(350);
});
