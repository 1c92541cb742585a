import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AMOUNT_BOUND, isAmount, isBalance, parseAmount, toDecimal, toMinorUnits } from './money.js';

const LARGEST = AMOUNT_BOUND - 1n;
const invalidAmount = expect.objectContaining({ name: 'LedgerError', code: 'invalid_amount' });

describe('parseAmount', () => {
  it.each([
    ['1', 1n],
    ['1250', 1250n],
    ['9'.repeat(38), LARGEST],
  ])('parseAmount reads %s', (text, amount) => {
    expect(parseAmount(text)).toBe(amount);
  });

  it.each(['', '0', '00', '01', '-1', '+1', '1.0', '1e3', '0x1', ' 1', '1 ', '1\n', '١', 'NaN', `1${'0'.repeat(38)}`])(
    'parseAmount refuses %j',
    (text) => {
      expect(() => parseAmount(text)).toThrow(invalidAmount);
    },
  );

  it.each([1, 1n, null, undefined, ['1'], { toString: () => '1' }])(
    'parseAmount refuses %s, which is no text',
    (value) => {
      expect(() => parseAmount(value as string)).toThrow(invalidAmount);
    },
  );

  it('parseAmount reads what every amount prints', () => {
    fc.assert(fc.property(fc.bigInt(1n, LARGEST), (amount) => parseAmount(amount.toString()) === amount));
  });
});

describe('isAmount', () => {
  it.each([
    [1n, true],
    [LARGEST, true],
    [0n, false],
    [-1n, false],
    [AMOUNT_BOUND, false],
    [1, false],
    ['1', false],
    [null, false],
    [undefined, false],
  ])('isAmount of %s is %s', (value, expected) => {
    expect(isAmount(value)).toBe(expected);
  });
});

describe('isBalance', () => {
  it.each([
    [0n, true],
    [LARGEST, true],
    [-LARGEST, true],
    [AMOUNT_BOUND, false],
    [-AMOUNT_BOUND, false],
  ])('isBalance of %s is %s', (value, expected) => {
    expect(isBalance(value)).toBe(expected);
  });
});

describe('toMinorUnits', () => {
  it.each([
    ['12.5', 2, 1250n],
    ['12', 2, 1200n],
    ['12.500', 2, 1250n],
    ['-12.5', 2, -1250n],
    ['-0', 2, 0n],
    ['7', 0, 7n],
    ['7.000', 0, 7n],
    ['0.000000000000000001', 18, 1n],
    ['007', 0, 7n],
  ])('toMinorUnits reads %s at scale %i as %s', (decimal, scale, units) => {
    expect(toMinorUnits(decimal, scale)).toBe(units);
  });

  it.each([
    ['12.345', 2],
    ['0.1', 0],
    ['.5', 2],
    ['5.', 2],
    ['1,50', 2],
    ['1e3', 2],
    ['', 2],
    ['--1', 2],
    ['+1', 2],
    ['9'.repeat(81), 2],
  ])('toMinorUnits refuses %s at scale %i and rounds nothing', (decimal, scale) => {
    expect(() => toMinorUnits(decimal, scale)).toThrow(
      expect.objectContaining({ code: 'invalid_amount', details: { field: 'decimal' } }),
    );
  });
});

describe('toDecimal', () => {
  it.each([
    [1250n, 2, '12.50'],
    [-1250n, 2, '-12.50'],
    [5n, 2, '0.05'],
    [-5n, 2, '-0.05'],
    [0n, 2, '0.00'],
    [7n, 0, '7'],
    [1n, 18, '0.000000000000000001'],
  ])('toDecimal writes %s at scale %i as %s', (units, scale, decimal) => {
    expect(toDecimal(units, scale)).toBe(decimal);
  });

  it('toDecimal is undone by toMinorUnits at every scale', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-LARGEST, LARGEST),
        fc.integer({ min: 0, max: 30 }),
        (units, scale) => toMinorUnits(toDecimal(units, scale), scale) === units,
      ),
    );
  });
});
