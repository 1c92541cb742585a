import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AMOUNT_BOUND } from '../money/money.js';
import { ROUNDINGS } from '../money/rounding.js';
import { type Exchange, exchange } from './exchange.js';

const LARGEST = AMOUNT_BOUND - 1n;
const USD = { code: 'USD', scale: 2 };
const EUR = { code: 'EUR', scale: 2 };
const JPY = { code: 'JPY', scale: 0 };
const BHD = { code: 'BHD', scale: 3 };
const GOLD = { code: 'GOLD', scale: 18 };

const sellTen = {
  from: 'users:1:usd',
  to: 'users:1:eur',
  sell: USD,
  buy: EUR,
  sellAmount: 1000n,
  rate: '0.9223',
  rateSource: 'ECB 2026-11-20',
  rounding: 'half_even',
} as const satisfies Exchange;

const refused = (code: string) => expect.objectContaining({ name: 'LedgerError', code });
const amountsOf = (request: Exchange) => exchange(request).map(({ amount }) => amount);

describe('exchange', () => {
  it('sells through the trading account of one currency and buys out of the other’s', () => {
    const metadata = {
      order: 'o-1',
      exchange: {
        sell: 'USD',
        sellAmount: '1000',
        buy: 'EUR',
        buyAmount: '922',
        rate: '0.9223',
        rateSource: 'ECB 2026-11-20',
        rounding: 'half_even',
      },
    };
    const legs = exchange({ ...sellTen, metadata: { order: 'o-1' }, description: 'Holiday' });
    expect(legs).toEqual([
      { from: 'users:1:usd', to: 'trading:usd', amount: 1000n, currency: 'USD', description: 'Holiday', metadata },
      { from: 'trading:eur', to: 'users:1:eur', amount: 922n, currency: 'EUR', description: 'Holiday', metadata },
    ]);
  });

  it('exchange finds the trading accounts below another address', () => {
    const [sold, bought] = exchange({ ...sellTen, trading: 'desk:7' });
    expect([sold.to, bought.from]).toEqual(['desk:7:usd', 'desk:7:eur']);
  });

  const given = { from: 'a', to: 'b', rateSource: 'a test' };
  it.each<[string, Exchange, readonly [bigint, bigint]]>([
    ['down', { ...given, sell: USD, buy: EUR, sellAmount: 1001n, rate: '1.0849', rounding: 'down' }, [1001n, 1085n]],
    ['up', { ...given, sell: USD, buy: EUR, sellAmount: 1001n, rate: '1.0849', rounding: 'up' }, [1001n, 1086n]],
    ['a half to even', { ...given, sell: USD, buy: EUR, sellAmount: 5n, rate: '0.5', rounding: 'half_even' }, [5n, 2n]],
    ['a half up', { ...given, sell: USD, buy: EUR, sellAmount: 5n, rate: '0.5', rounding: 'half_up' }, [5n, 3n]],
    [
      'to JPY',
      { ...given, sell: USD, buy: JPY, sellAmount: 1000n, rate: '151.37', rounding: 'half_up' },
      [1000n, 1514n],
    ],
    [
      'from JPY',
      { ...given, sell: JPY, buy: BHD, sellAmount: 1514n, rate: '0.00249', rounding: 'down' },
      [1514n, 3769n],
    ],
    ['buying BHD', { ...given, sell: USD, buy: BHD, buyAmount: 1000n, rate: '0.377', rounding: 'up' }, [266n, 1000n]],
    ['buying JPY', { ...given, sell: USD, buy: JPY, buyAmount: 1n, rate: '151.37', rounding: 'up' }, [1n, 1n]],
    [
      'an asset of 18 digits',
      { ...given, sell: USD, buy: GOLD, sellAmount: 1n, rate: '0.000000001', rounding: 'down' },
      [1n, 10_000_000n],
    ],
    [
      '38 digits at the rate one',
      { ...given, sell: USD, buy: EUR, sellAmount: LARGEST, rate: '1.000', rounding: 'down' },
      [LARGEST, LARGEST],
    ],
  ])('exchange works out %s', (_, request, amounts) => {
    expect(amountsOf(request)).toEqual(amounts);
  });

  it('exchange is exact but for one rounding, which way an amount is given', () => {
    const scales = fc.integer({ min: 0, max: 18 });
    const rates = fc.tuple(fc.bigInt(1n, 10n ** 12n), fc.integer({ min: 1, max: 12 }));
    fc.assert(
      fc.property(
        fc.bigInt(1n, 10n ** 20n),
        scales,
        scales,
        rates,
        fc.constantFrom(...ROUNDINGS),
        fc.boolean(),
        (amount, sellScale, buyScale, [units, rateScale], rounding, isSell) => {
          const rate = decimal(units, rateScale);
          const request: Exchange = {
            ...given,
            sell: { code: 'SELL', scale: sellScale },
            buy: { code: 'BUYS', scale: buyScale },
            rate,
            rounding,
            ...(isSell ? { sellAmount: amount } : { buyAmount: amount }),
          };
          // In one unit for both sides: what was sold is worth this, and what was bought.
          const worthOfOneSold = units * 10n ** BigInt(buyScale);
          const worthOfOneBought = 10n ** BigInt(rateScale + sellScale);
          const [worth, step] = isSell
            ? [amount * worthOfOneSold, worthOfOneBought]
            : [amount * worthOfOneBought, worthOfOneSold];
          const whole = worth / step;
          fc.pre(whole > 0n && whole < LARGEST);
          const [sold = 0n, bought = 0n] = amountsOf(request);
          expect(isSell ? sold : bought).toBe(amount);
          const off = (isSell ? bought : sold) * step - worth;
          const bound = rounding === 'down' || rounding === 'up' ? step : (step + 1n) / 2n + 1n;
          expect(off < bound && off > -bound).toBe(true);
          if (rounding === 'down') expect(off <= 0n).toBe(true);
          if (rounding === 'up') expect(off >= 0n).toBe(true);
        },
      ),
    );
  });

  it.each<[string, object, string]>([
    ['a rate that is a number', { rate: 0.9223 }, 'invalid_request'],
    ['no rate', { rate: undefined }, 'invalid_request'],
    ['a rate of zero', { rate: '0.00' }, 'invalid_request'],
    ['a negative rate', { rate: '-1' }, 'invalid_request'],
    ['an exponent', { rate: '1e2' }, 'invalid_request'],
    ['a rate of more digits than anybody means', { rate: `0.${'1'.repeat(80)}` }, 'invalid_request'],
    ['no source of the rate', { rateSource: ' ' }, 'invalid_request'],
    ['no rounding', { rounding: undefined }, 'invalid_request'],
    ['an unknown rounding', { rounding: 'nearest' }, 'invalid_request'],
    ['one currency for itself', { buy: USD }, 'invalid_request'],
    ['a malformed currency', { buy: { code: 'eur', scale: 2 } }, 'unknown_currency'],
    ['a currency without a scale', { buy: { code: 'EUR' } }, 'invalid_request'],
    ['both amounts', { buyAmount: 1n }, 'invalid_request'],
    ['no amount', { sellAmount: undefined }, 'invalid_request'],
    ['an amount that is a number', { sellAmount: 1000 }, 'invalid_amount'],
    ['an amount of zero', { sellAmount: 0n }, 'invalid_amount'],
    ['so little that nothing is bought', { sellAmount: 1n, rate: '0.4', rounding: 'half_up' }, 'invalid_amount'],
    ['so much that 38 digits do not hold it', { sellAmount: LARGEST, rate: '10' }, 'invalid_amount'],
    ['metadata beyond 8 KiB', { metadata: { text: 'x'.repeat(8_200) } }, 'invalid_request'],
  ])('exchange refuses %s', (_, part, code) => {
    expect(() => exchange({ ...sellTen, ...part } as Exchange)).toThrow(refused(code));
  });
});

function decimal(units: bigint, scale: number): string {
  const digits = units.toString().padStart(scale + 1, '0');
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
