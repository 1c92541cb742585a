import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocate } from './allocate.js';
import { AMOUNT_BOUND } from './money.js';

const LARGEST = AMOUNT_BOUND - 1n;
const amounts = fc.bigInt(0n, LARGEST);
const decimals = fc
  .tuple(fc.bigInt(0n, 10n ** 20n), fc.integer({ min: 0, max: 18 }))
  .map(([units, scale]) => (scale === 0 ? `${units}` : `${units}.${'7'.repeat(scale)}`));
const someWeights = fc
  .array(fc.oneof(fc.bigInt(0n, LARGEST), decimals, fc.constant('0.00')), { minLength: 1, maxLength: 20 })
  .filter((weights) => weights.some((weight) => /[1-9]/.test(String(weight))));

const sum = (parts: readonly bigint[]) => parts.reduce((total, part) => total + part, 0n);
const refused = (code: string) => expect.objectContaining({ name: 'LedgerError', code });

describe('allocate', () => {
  it.each<[string, bigint, readonly (bigint | string)[], readonly bigint[]]>([
    ['evenly, the first takes what is left over', 100n, [1n, 1n, 1n], [34n, 33n, 33n]],
    ['among equal remainders, those that stand first', 5n, [1n, 1n, 1n], [2n, 2n, 1n]],
    ['by largest remainder, not by position', 10n, ['1', '1', '1.5'], [3n, 3n, 4n]],
    ['by decimal weights', 1000n, ['97.1', '2.9'], [971n, 29n]],
    ['by weights of unlike scale', 100n, ['0.5', 1n, '0.500'], [25n, 50n, 25n]],
    ['nothing to a weight of zero, wherever it stands', 10n, [0n, 3n, '0.0', 4n], [0n, 4n, 0n, 6n]],
    ['all to the only weight', 7n, ['0.001'], [7n]],
    ['less than there are parts', 1n, [1n, 1n, 1n], [1n, 0n, 0n]],
    ['nothing', 0n, [1n, 2n], [0n, 0n]],
    ['38 digits', LARGEST, [1n, 1n], [LARGEST / 2n + 1n, LARGEST / 2n]],
  ])('splits %s', (_, amount, weights, parts) => {
    expect(allocate(amount, weights)).toEqual(parts);
  });

  it('splits into parts that sum to the whole, each within one unit of its exact share', () => {
    fc.assert(
      fc.property(amounts, fc.array(fc.bigInt(0n, LARGEST), { minLength: 1, maxLength: 20 }), (amount, weights) => {
        const total = sum(weights);
        fc.pre(total > 0n);
        const parts = allocate(amount, weights);
        expect(sum(parts)).toBe(amount);
        for (const [index, weight] of weights.entries()) {
          const difference = (parts[index] ?? -1n) * total - amount * weight;
          expect(difference < total && difference > -total).toBe(true);
        }
      }),
    );
  });

  it('allocate sums to the whole for decimal weights, with no part below zero', () => {
    fc.assert(
      fc.property(amounts, someWeights, (amount, weights) => {
        const parts = allocate(amount, weights);
        expect(sum(parts)).toBe(amount);
        expect(parts.every((part) => part >= 0n)).toBe(true);
      }),
    );
  });

  it('allocate gives no part more than its weight when no more than all of it is split: refunds go on to the last unit', () => {
    const shares = fc.array(fc.bigInt(0n, 1_000n), { minLength: 1, maxLength: 8 }).filter((each) => sum(each) > 0n);
    const steps = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(shares, steps, (shares, percents) => {
        let left: readonly bigint[] = shares;
        for (const percent of [...percents, 100]) {
          const refund = (sum(left) * BigInt(percent)) / 100n;
          if (refund === 0n) continue;
          const parts = allocate(refund, left);
          left = left.map((share, index) => share - (parts[index] ?? 0n));
          expect(left.every((share) => share >= 0n)).toBe(true);
        }
        expect(sum(left)).toBe(0n);
      }),
    );
  });

  it('allocate keeps to the proportion, not to the size, of weights', () => {
    fc.assert(
      fc.property(amounts, someWeights, (amount, weights) => {
        const tenfold = weights.map((weight) => (typeof weight === 'bigint' ? weight * 10n : shiftPoint(weight)));
        expect(allocate(amount, tenfold)).toEqual(allocate(amount, weights));
      }),
    );
  });

  it.each([-1n, AMOUNT_BOUND, 1, '1', null])('allocate refuses to split %s', (amount) => {
    expect(() => allocate(amount as bigint, [1n])).toThrow(refused('invalid_amount'));
  });

  it.each<[string, unknown]>([
    ['none', []],
    ['only zeros', [0n, '0.0']],
    ['a negative one', [1n, -1n]],
    ['a negative text', ['-1']],
    ['a number', [1]],
    ['an exponent', ['1e3']],
    ['no digit before the point', ['.5']],
    ['a space', [' 1']],
    ['null', [null]],
    ['a hole', new Array(1)],
    ['no array', '11'],
  ])('allocate refuses weights: %s', (_, weights) => {
    expect(() => allocate(1n, weights as bigint[])).toThrow(refused('invalid_request'));
  });
});

function shiftPoint(decimal: string): string {
  const [whole = '', fraction = ''] = decimal.split('.');
  return fraction === '' ? `${whole}0` : `${whole}${fraction[0]}.${fraction.slice(1)}0`;
}
