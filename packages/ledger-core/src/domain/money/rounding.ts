import { invariant } from '../../errors.js';

/**
 * Ways to round a fraction of a minor unit: `down` drops it, and `up` rounds it up to a whole unit. `half_up` and `half_even`
 * round to the nearest unit; from the middle they round up, or to the even number.
 */
export const ROUNDINGS = ['down', 'up', 'half_up', 'half_even'] as const;
export type Rounding = (typeof ROUNDINGS)[number];

/** Divides a number that is not negative by a positive one. */
export function divide(numerator: bigint, denominator: bigint, rounding: Rounding): bigint {
  invariant(numerator >= 0n && denominator > 0n, 'only amounts are divided');
  const whole = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  return roundsUp(twice, denominator, rounding, whole) ? whole + 1n : whole;
}

/** `twice` is the rest, doubled, so that the middle is a whole number. */
function roundsUp(twice: bigint, denominator: bigint, rounding: Rounding, whole: bigint): boolean {
  switch (rounding) {
    case 'down':
      return false;
    case 'up':
      return twice > 0n;
    case 'half_up':
      return twice >= denominator;
    case 'half_even':
      return twice === denominator ? whole % 2n === 1n : twice > denominator;
  }
}
