import { exchange, type Ledger, type PostedTransfer, type Rounding } from '@micropay/ledger-core';

/** A market rate and its source, which the application supplies. */
export interface Quote {
  readonly sell: string;
  readonly buy: string;
  /** Major units of `buy` for one of `sell`. */
  readonly rate: string;
  readonly rateSource: string;
}

export interface Conversion {
  readonly user: string;
  readonly quote: Quote;
  readonly rounding: Rounding;
  readonly amount: { readonly sellAmount: bigint } | { readonly buyAmount: bigint };
  readonly idempotencyKey: string;
}

/** Opens the trading account of a currency: it may go either way, and its balance is the open position. */
export async function openTrading(ledger: Ledger, currency: string): Promise<void> {
  const address = `trading:${currency.toLowerCase()}`;
  await ledger.accounts.ensure({ address, currency, type: 'equity', minimum: null });
}

export function walletOf(user: string, currency: string): string {
  return `users:${user}:${currency.toLowerCase()}`;
}

/** Both legs post, or neither does. */
export async function convert(
  ledger: Ledger,
  { user, quote, rounding, amount, idempotencyKey }: Conversion,
): Promise<readonly PostedTransfer[]> {
  const [sell, buy] = await Promise.all([ledger.currencies.get(quote.sell), ledger.currencies.get(quote.buy)]);
  const { rate, rateSource } = quote;
  const [from, to] = [walletOf(user, sell.code), walletOf(user, buy.code)];
  const legs = exchange({ from, to, sell, buy, rate, rateSource, rounding, ...amount });
  return ledger.transfers.postLinked(legs, { idempotencyKey });
}
