import { invariant, LedgerError } from '../../errors.js';
import { type Check, invalidArgument, list } from '../input/arguments.js';
import { writable } from '../json/result.js';
import { type Decimal, parseDecimal, powerOfTen } from './decimal.js';
import { AMOUNT_BOUND } from './money.js';

/** A part's share of the whole, not negative: minor units, or any number as a decimal text such as `"2.9"`. */
export type Weight = bigint | string;

/**
 * Splits an amount by weights into whole minor units that sum to it exactly: `allocate(1000n, ['97.1', '2.9'])` is
 * `[971n, 29n]`. Each part is first rounded down. The units left over go, one each, to the parts with the largest
 * remainders (Hamilton's method), and to the first of equal ones. A part of weight zero gets nothing. If the amount is at
 * most the sum of the weights, no part is larger than its weight, so you can split a refund by what is left of each part.
 *
 * @throws {LedgerError} `invalid_amount` unless the amount is 0 or positive, with at most 38 digits;
 * `invalid_request` for a negative or malformed weight, and if no weight is above zero
 */
export function allocate(amount: bigint, weights: readonly Weight[]): readonly bigint[] {
  if (typeof amount !== 'bigint' || amount < 0n || amount >= AMOUNT_BOUND) {
    throw new LedgerError('invalid_amount', 'amount must be a bigint of at most 38 digits, not negative', {
      field: 'amount',
    });
  }
  const whole = toWholeNumbers(weights);
  const total = whole.reduce((sum, weight) => sum + weight, 0n);
  if (total === 0n) throw invalidArgument('weights', 'must have one at least that is above zero');

  const parts = whole.map((weight) => (amount * weight) / total);
  const left = amount - parts.reduce((sum, part) => sum + part, 0n);
  const remainders = whole.map((weight, index) => ({ index, remainder: (amount * weight) % total }));
  // Sorting is stable: among equal remainders the first stays first.
  const byRemainder = remainders.sort((a, b) => (a.remainder === b.remainder ? 0 : a.remainder < b.remainder ? 1 : -1));
  for (const { index } of byRemainder.slice(0, Number(left))) parts[index] = (parts[index] ?? 0n) + 1n;
  invariant(parts.reduce((sum, part) => sum + part, 0n) === amount, 'the parts sum to the whole');
  return writable(parts);
}

/** Weights in the same proportion, without a decimal point. */
function toWholeNumbers(weights: readonly Weight[]): readonly bigint[] {
  const decimals = list(decimalWeight)(weights, 'weights');
  const scale = decimals.reduce((largest, decimal) => Math.max(largest, decimal.scale), 0);
  return decimals.map((decimal) => decimal.units * powerOfTen(scale - decimal.scale));
}

const decimalWeight: Check<Decimal> = (weight, name) => {
  const decimal = typeof weight === 'bigint' ? { units: weight, scale: 0 } : parseDecimal(weight);
  if (decimal === undefined || decimal.units < 0n) {
    throw invalidArgument(name, 'must be a bigint or a decimal text, not negative');
  }
  return decimal;
};
