import { LedgerError } from '../errors.js';
import { type Currency, checkCurrency } from './currency.js';
import { type Decimal, parseDecimal, powerOfTen } from './decimal.js';
import { checkMetadata, type Metadata } from './metadata.js';
import { isAmount } from './money.js';
import { divide, ROUNDINGS, type Rounding } from './rounding.js';
import type { TransferLeg } from './transfer.js';

/** One currency for another, at a rate that the caller names. */
export type Exchange = {
  /** Id or address of the account that pays what is sold. */
  readonly from: string;
  /** Id or address of the account that is paid what is bought. */
  readonly to: string;
  /** With the scale that the ledger has fixed, as `ledger.currencies.get` answers it. */
  readonly sell: Currency;
  readonly buy: Currency;
  /** Major units of `buy` for one major unit of `sell`, as a decimal text: `"1.0842"`. */
  readonly rate: string;
  /** Where the rate comes from, for whoever asks later: `"ECB 2026-11-20"`. */
  readonly rateSource: string;
  /** What becomes of a part of a minor unit in the amount that is worked out. */
  readonly rounding: Rounding;
  /** The trading account of USD is `trading:usd`; this is what stands in place of `trading`. */
  readonly trading?: string;
  readonly description?: string;
  /** On both legs, beside `exchange`. */
  readonly metadata?: Metadata;
} & (
  | { readonly sellAmount: bigint; readonly buyAmount?: undefined }
  | { readonly buyAmount: bigint; readonly sellAmount?: undefined }
);

/**
 * The two legs of an exchange, for `transfers.postLinked`: what is sold goes to the trading account of its
 * currency, what is bought comes out of the other one. One amount is given, the other is worked out
 * exactly and rounded once. Both legs carry amounts, rate, source and rounding in their metadata, as `exchange`.
 * Trading accounts are opened before, without a minimum: their balances are the open position.
 *
 * @throws {LedgerError} `invalid_request` for rate, source or rounding, `invalid_amount` for an amount that is not
 * positive or beyond 38 digits, given or worked out, `unknown_currency` for a malformed code
 */
export function exchange(request: Exchange): readonly [TransferLeg, TransferLeg] {
  const { from, to, sell, buy, trading = 'trading', description } = request;
  const rate = checkExchange(request);
  const { sellAmount, buyAmount } = amountsOf(request, rate);
  const own = checkMetadata(request.metadata ?? {});
  if (Object.hasOwn(own, 'exchange')) {
    throw new LedgerError('invalid_request', 'metadata.exchange says at which rate: choose another name for yours');
  }
  const metadata = checkMetadata({
    ...own,
    exchange: {
      sell: sell.code,
      sellAmount: sellAmount.toString(),
      buy: buy.code,
      buyAmount: buyAmount.toString(),
      rate: request.rate,
      rateSource: request.rateSource,
      rounding: request.rounding,
    },
  });
  const both = description === undefined ? { metadata } : { metadata, description };
  const account = ({ code }: Currency) => `${trading}:${code.toLowerCase()}`;
  return [
    { from, to: account(sell), amount: sellAmount, currency: sell.code, ...both },
    { from: account(buy), to, amount: buyAmount, currency: buy.code, ...both },
  ];
}

function checkExchange({ sell, buy, rate, rateSource, rounding }: Exchange): Decimal {
  const decimal = parseDecimal(rate);
  if (decimal === undefined || decimal.units === 0n) {
    throw new LedgerError('invalid_request', 'a rate must be a positive decimal text such as "1.0842", never a number');
  }
  if (typeof rateSource !== 'string' || rateSource.trim() === '') {
    throw new LedgerError('invalid_request', 'rateSource must say where the rate comes from');
  }
  if (!ROUNDINGS.includes(rounding)) {
    throw new LedgerError('invalid_request', `rounding must be one of ${ROUNDINGS.join(', ')}`);
  }
  checkCurrency(sell);
  checkCurrency(buy);
  if (sell.code === buy.code) throw new LedgerError('invalid_request', 'an exchange is between two currencies');
  return decimal;
}

function amountsOf({ sell, buy, sellAmount, buyAmount, rounding }: Exchange, rate: Decimal) {
  if ((sellAmount === undefined) === (buyAmount === undefined)) {
    throw new LedgerError('invalid_request', 'an exchange names either sellAmount or buyAmount');
  }
  // One minor unit of `sell` is bought / sold minor units of `buy`.
  const bought = rate.units * powerOfTen(buy.scale);
  const sold = powerOfTen(rate.scale + sell.scale);
  if (sellAmount !== undefined) {
    const given = checkAmount(sellAmount, 'sellAmount');
    return { sellAmount: given, buyAmount: checkAmount(divide(given * bought, sold, rounding), 'what is bought') };
  }
  const given = checkAmount(buyAmount, 'buyAmount');
  return { buyAmount: given, sellAmount: checkAmount(divide(given * sold, bought, rounding), 'what is sold') };
}

function checkAmount(amount: unknown, name: string): bigint {
  if (isAmount(amount)) return amount;
  throw new LedgerError(
    'invalid_amount',
    `${name} must be a positive whole number of minor units, at most 38 digits; here it is ${String(amount).slice(0, 50)}`,
  );
}
