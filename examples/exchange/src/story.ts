import { randomUUID } from 'node:crypto';
import { isoScale, type Ledger, LedgerError, type PostedTransfer, toDecimal } from '@micropay/ledger-core';
import { convert, openTrading, type Quote, walletOf } from './convert.js';

const DOLLARS_FOR_EUROS: Quote = { sell: 'USD', buy: 'EUR', rate: '0.9223', rateSource: 'treasury desk, 2026-11-20' };
const DOLLARS_FOR_YEN: Quote = { sell: 'USD', buy: 'JPY', rate: '151.37', rateSource: 'treasury desk, 2026-11-20' };
const CURRENCIES = ['USD', 'EUR', 'JPY'];

/** A user with dollars buys euros and yen; prints each step as it happens. */
export async function tellExchange(ledger: Ledger, tell: (line: string) => void): Promise<void> {
  // Each run has a user of its own, so that it can be run again.
  const user = randomUUID().slice(0, 8);
  await openAccounts(ledger, user);
  await ledger.transfers.post({ from: 'world:usd', to: walletOf(user, 'USD'), amount: 10_000n, currency: 'USD' });
  tell(`the user has ${format(10_000n, 'USD')}`);

  const euros = {
    user,
    quote: DOLLARS_FOR_EUROS,
    rounding: 'down',
    amount: { sellAmount: 2_501n },
    idempotencyKey: `${user}-1`,
  } as const;
  tell(`sells some for euros: ${describe(euros.quote, await convert(ledger, euros))}`);
  const again = await convert(ledger, euros);
  tell(`the same again under its key: replayed is ${again.every(({ replayed }) => replayed)}`);

  const yen = {
    user,
    quote: DOLLARS_FOR_YEN,
    rounding: 'up',
    amount: { buyAmount: 5_000n },
    idempotencyKey: `${user}-2`,
  } as const;
  tell(`buys yen: ${describe(yen.quote, await convert(ledger, yen))}`);

  const tooMuch = { ...euros, amount: { sellAmount: 10_000n }, idempotencyKey: `${user}-3` };
  tell(`sells more than there is: ${await refusalOf(convert(ledger, tooMuch))}`);

  for (const currency of CURRENCIES) {
    const { posted } = await ledger.accounts.get(walletOf(user, currency));
    tell(`the user has ${format(posted, currency)}`);
  }
  const { balanced } = await ledger.trialBalance();
  tell(`debits equal credits in each currency: ${balanced}`);
}

async function openAccounts(ledger: Ledger, user: string): Promise<void> {
  await ledger.accounts.ensure({ address: 'world:usd', currency: 'USD' });
  for (const currency of CURRENCIES) {
    await openTrading(ledger, currency);
    await ledger.accounts.open({ address: walletOf(user, currency), currency });
  }
}

function describe({ rate, rateSource }: Quote, legs: readonly PostedTransfer[]): string {
  const amounts = legs.map(({ amount, currency }) => format(amount, currency));
  return `${amounts.join(' become ')} (${rate}, ${rateSource})`;
}

async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof LedgerError) return `refused, ${error.code}`;
    throw error;
  }
  throw new Error('the ledger sold what was not there');
}

function format(amount: bigint, currency: string): string {
  return `${toDecimal(amount, isoScale(currency) ?? 0)} ${currency}`;
}
