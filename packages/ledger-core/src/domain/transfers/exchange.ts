import { LedgerError } from '../../errors.js';
import { isAddress } from '../accounts/account.js';
import { invalidArgument, nested, object, oneOf, optional, valid } from '../input/arguments.js';
import { checkMetadata, description, type Metadata, metadata } from '../input/metadata.js';
import { reference as referenceText } from '../input/reference.js';
import { result } from '../json/result.js';
import { CURRENCY, type Currency } from '../money/currency.js';
import { type Decimal, parseDecimal, powerOfTen } from '../money/decimal.js';
import { isAmount } from '../money/money.js';
import { divide, ROUNDINGS, type Rounding } from '../money/rounding.js';
import { accountReference, amount, type TransferLeg } from './transfer.js';

/** An exchange of one currency for another, at the caller's rate. */
export type Exchange = {
  /** Id or address of the account that pays the currency sold. */
  readonly from: string;
  /** Id or address of the account that receives the currency bought. */
  readonly to: string;
  /** The currency with its scale in the ledger, as `ledger.currencies.get` returns it. */
  readonly sell: Currency;
  readonly buy: Currency;
  /** Major units of `buy` for one major unit of `sell`, as a decimal text: `"1.0842"`. */
  readonly rate: string;
  /** The source of the rate, for later questions: `"ECB 2026-11-20"`. */
  readonly rateSource: string;
  /** The rounding of a fraction of a minor unit in the calculated amount. */
  readonly rounding: Rounding;
  /** Address prefix of the trading accounts; default `trading`, so that of USD is `trading:usd`. */
  readonly trading?: string;
  readonly description?: string;
  /** The reference of both legs. */
  readonly reference?: string;
  /** Added to the metadata of both legs, besides `exchange`. */
  readonly metadata?: Metadata;
} & (
  | { readonly sellAmount: bigint; readonly buyAmount?: undefined }
  | { readonly buyAmount: bigint; readonly sellAmount?: undefined }
);

/**
 * Returns the two legs of an exchange, for `transfers.postLinked`. The currency sold goes to its trading account, and the
 * currency bought comes from the other trading account. You pass one amount; the other is calculated exactly and rounded
 * once. Both legs carry amounts, rate, source and rounding in `metadata.exchange`. Open the trading accounts first, without
 * a minimum: their balances are your open position.
 *
 * @throws {LedgerError} `invalid_request` for rate, source or rounding, `invalid_amount` if either amount is not
 * positive or has more than 38 digits, `unknown_currency` for a malformed code
 */
export function exchange(request: Exchange): readonly [TransferLeg, TransferLeg] {
  const read = readExchange(request, 'request') as Exchange;
  const { from, to, sell, buy, rate, rateSource, rounding, trading = 'trading', description, reference } = read;
  if (sell.code === buy.code) throw invalidArgument('buy', 'must be another currency than what is sold');
  const { sellAmount, buyAmount } = amountsOf(read);
  const own = read.metadata ?? {};
  if (Object.hasOwn(own, 'exchange')) {
    throw invalidArgument('metadata.exchange', 'says at which rate: choose another name for yours');
  }
  const metadata = checkMetadata({
    ...own,
    exchange: {
      sell: sell.code,
      sellAmount: sellAmount.toString(),
      buy: buy.code,
      buyAmount: buyAmount.toString(),
      rate,
      rateSource,
      rounding,
    },
  });
  const both = {
    metadata,
    ...(description === undefined ? {} : { description }),
    ...(reference === undefined ? {} : { reference }),
  };
  const account = ({ code }: Currency) => `${trading}:${code.toLowerCase()}`;
  return [
    result({ from, to: account(sell), amount: sellAmount, currency: sell.code, ...both }),
    result({ from: account(buy), to, amount: buyAmount, currency: buy.code, ...both }),
  ];
}

const SOURCE_LENGTH_MAX = 255;

type ExchangeMembers = { readonly [Name in keyof Exchange]: Exchange[Name] };

const readExchange = object<ExchangeMembers>({
  from: accountReference,
  to: accountReference,
  rate: valid(isRate, 'must be a positive decimal text such as "1.0842", never a number'),
  rateSource: valid(isSource, `must say where the rate comes from, in at most ${SOURCE_LENGTH_MAX} characters`),
  rounding: oneOf(ROUNDINGS),
  trading: optional(valid(isAddress, 'must be the beginning of an address, such as trading')),
  description: optional(description),
  metadata: optional(metadata),
  reference: optional(referenceText),
  sellAmount: optional(amount),
  buyAmount: optional(amount),
  sell: nested(CURRENCY),
  buy: nested(CURRENCY),
});

function isSource(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '' && value.length <= SOURCE_LENGTH_MAX;
}

function isRate(value: unknown): boolean {
  const decimal = parseDecimal(value);
  return decimal !== undefined && decimal.units > 0n;
}

function amountsOf({ sell, buy, rate: text, sellAmount, buyAmount, rounding }: Exchange) {
  if ((sellAmount === undefined) === (buyAmount === undefined)) {
    throw invalidArgument('request', 'must have either sellAmount or buyAmount');
  }
  const rate = parseDecimal(text) as Decimal;
  // One minor unit of `sell` is bought / sold minor units of `buy`.
  const bought = rate.units * powerOfTen(buy.scale);
  const sold = powerOfTen(rate.scale + sell.scale);
  if (sellAmount !== undefined) {
    return { sellAmount, buyAmount: checkWorkedOut(divide(sellAmount * bought, sold, rounding), 'buyAmount') };
  }
  return { buyAmount, sellAmount: checkWorkedOut(divide(buyAmount * sold, bought, rounding), 'sellAmount') };
}

function checkWorkedOut(worked: bigint, name: string): bigint {
  if (isAmount(worked)) return worked;
  throw new LedgerError(
    'invalid_amount',
    `${name} must be a positive whole number of minor units, at most 38 digits; here it is ${String(worked).slice(0, 50)}`,
    { field: name },
  );
}
