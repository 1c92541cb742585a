import fc from 'fast-check';
import { expect, it } from 'vitest';
import { divide, ROUNDINGS, type Rounding } from './rounding.js';

it.each<[bigint, bigint, Record<Rounding, bigint>]>([
  [0n, 7n, { down: 0n, up: 0n, half_up: 0n, half_even: 0n }],
  [14n, 7n, { down: 2n, up: 2n, half_up: 2n, half_even: 2n }],
  [1n, 100n, { down: 0n, up: 1n, half_up: 0n, half_even: 0n }],
  [49n, 100n, { down: 0n, up: 1n, half_up: 0n, half_even: 0n }],
  [50n, 100n, { down: 0n, up: 1n, half_up: 1n, half_even: 0n }],
  [51n, 100n, { down: 0n, up: 1n, half_up: 1n, half_even: 1n }],
  [150n, 100n, { down: 1n, up: 2n, half_up: 2n, half_even: 2n }],
  [250n, 100n, { down: 2n, up: 3n, half_up: 3n, half_even: 2n }],
  [1n, 3n, { down: 0n, up: 1n, half_up: 0n, half_even: 0n }],
  [2n, 3n, { down: 0n, up: 1n, half_up: 1n, half_even: 1n }],
])('divides %s by %s', (numerator, denominator, expected) => {
  for (const rounding of ROUNDINGS) expect(divide(numerator, denominator, rounding)).toBe(expected[rounding]);
});

it('is off by less than one, and by no more than a half to the nearest', () => {
  fc.assert(
    fc.property(
      fc.bigInt(0n, 10n ** 60n),
      fc.bigInt(1n, 10n ** 40n),
      fc.constantFrom(...ROUNDINGS),
      (numerator, denominator, rounding) => {
        const off = divide(numerator, denominator, rounding) * denominator - numerator;
        if (rounding === 'down') return off <= 0n && off > -denominator;
        if (rounding === 'up') return off >= 0n && off < denominator;
        return 2n * off <= denominator && 2n * off >= -denominator;
      },
    ),
  );
});
