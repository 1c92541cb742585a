import { describe, expect, it } from 'vitest';
import { checkCurrency, isCurrencyCode, isoScale } from './currency.js';
import { ISO_4217_SCALES } from './iso-4217.js';

/** Codes that `Intl` lists and ISO 4217 has withdrawn, or gives no minor unit. */
const WITHDRAWN = ['HRK', 'SLL', 'ZWL'];
const WITHOUT_MINOR_UNIT = ['XDR', 'XSU'];

function intlScale(currency: string): number | undefined {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;
}

describe('isoScale', () => {
  it.each([
    ['USD', 2],
    ['EUR', 2],
    ['JPY', 0],
    ['KRW', 0],
    ['KWD', 3],
    ['BHD', 3],
    ['CLF', 4],
    ['UYW', 4],
    ['XCG', 2],
    ['XXX', undefined],
    ['XAU', undefined],
    ['usd', undefined],
    ['toString', undefined],
  ])('isoScale of %s is %s', (code, scale) => {
    expect(isoScale(code)).toBe(scale);
  });

  it.each(['HUF', 'IDR', 'COP', 'PKR'])('isoScale of %s is 2, whatever Intl says', (code) => {
    expect(isoScale(code)).toBe(2);
    expect(intlScale(code)).toBe(0);
  });

  it('isoScale knows every currency that Intl calls current, but for those ISO withdrew or gives no scale', () => {
    const expected = Intl.supportedValuesOf('currency').filter(
      (code) => !WITHDRAWN.includes(code) && !WITHOUT_MINOR_UNIT.includes(code),
    );
    expect(expected.filter((code) => isoScale(code) === undefined)).toEqual([]);
  });

  it('differs from Intl only where Intl leaves out digits that nobody pays with', () => {
    const more = [...ISO_4217_SCALES].filter(([code, scale]) => scale < (intlScale(code) ?? 0));
    expect(more).toEqual([]);
  });

  it('isoScale lists 167 codes, each once and well formed', () => {
    expect(ISO_4217_SCALES.size).toBe(167);
    expect([...ISO_4217_SCALES.keys()].filter((code) => !/^[A-Z]{3}$/.test(code))).toEqual([]);
  });
});

describe('isCurrencyCode', () => {
  it.each([
    ['USD', true],
    ['BTC', true],
    ['POINTS2', true],
    ['A1', true],
    ['ABCDEFGHIJKL', true],
    ['ABCDEFGHIJKLM', false],
    ['A', false],
    ['1AB', false],
    ['usd', false],
    ['US D', false],
    ['', false],
    [840, false],
    [undefined, false],
  ])('isCurrencyCode of %s is %s', (code, expected) => {
    expect(isCurrencyCode(code)).toBe(expected);
  });
});

describe('checkCurrency', () => {
  it.each([[{ code: 'POINTS', scale: 0 }], [{ code: 'ETH', scale: 18 }], [{ code: 'FINE', scale: 30 }]])(
    'checkCurrency accepts %j',
    (currency) => {
      expect(() => checkCurrency(currency)).not.toThrow();
    },
  );

  it.each([
    [{ code: 'points', scale: 0 }, 'unknown_currency'],
    [{ code: 'points', scale: -1 }, 'invalid_request'],
    [{ code: 'POINTS', scale: -1 }, 'invalid_request'],
    [{ code: 'POINTS', scale: 31 }, 'invalid_request'],
    [{ code: 'POINTS', scale: 1.5 }, 'invalid_request'],
    [{ code: 'POINTS', scale: Number.NaN }, 'invalid_request'],
    [{ code: 'POINTS', scale: '2' as unknown as number }, 'invalid_request'],
  ])('checkCurrency refuses %j as %s', (currency, code) => {
    expect(() => checkCurrency(currency)).toThrow(expect.objectContaining({ code }));
  });
});
