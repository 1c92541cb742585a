import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseDecimal, powerOfTen } from './decimal.js';

it('parseDecimal reads the digits that a decimal was written with', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 10n ** 40n), fc.nat({ max: 30 }), (units, scale) => {
      const digits = units.toString().padStart(scale + 1, '0');
      const written = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
      expect(parseDecimal(written)).toEqual({ units, scale });
    }),
  );
});

it.each(['9'.repeat(80), `0.${'9'.repeat(78)}`, '007', '1.500'])('parseDecimal accepts %s', (text) => {
  const [, fraction = ''] = text.split('.');
  expect(parseDecimal(text)).toEqual({ units: BigInt(text.replace('.', '')), scale: fraction.length });
});

it.each(['', '.', '.5', '5.', '-1', '+1', '1e5', ' 1', '1\n', '1.2.3', '1,5', '٣', '9'.repeat(81), 5, null, ['5']])(
  'parseDecimal refuses %j',
  (text) => {
    expect(parseDecimal(text)).toBeUndefined();
  },
);

it.each([
  [0, 1n],
  [3, 1_000n],
  [40, 10n ** 40n],
])('ten to the power of %i is %s', (exponent, expected) => {
  expect(powerOfTen(exponent)).toBe(expected);
});
