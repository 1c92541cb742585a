import { randomUUID } from 'node:crypto';
import { type Ledger, toDecimal } from '@micropay/ledger-core';
import { type Marketplace, type Order, payOrder, refundOrder, type Share } from './orders.js';

const CURRENCY = 'EUR';
const FEES = 'fees:marketplace:eur';
const TAX = 'tax:vat:eur';

/** One payment is split among seller, platform and tax, and refunded in two parts; prints each step as it happens. */
export async function tellMarketplace(marketplace: Marketplace, tell: (line: string) => void): Promise<void> {
  const { ledger } = marketplace;
  // Each run has people of its own, so that it can be run again.
  const run = randomUUID().slice(0, 8);
  const [buyer, seller] = [`users:${run}:eur`, `sellers:${run}:eur`];
  await openAccounts(ledger, buyer, seller);

  const order: Order = {
    id: run,
    buyer,
    // Of the price without tax, 2.9 % are the platform's; the tax is 19 % of it.
    payees: [
      { account: seller, weight: '97.1' },
      { account: FEES, weight: '2.9' },
      { account: TAX, weight: '19' },
    ],
    amount: 9_999n,
    currency: CURRENCY,
  };
  const names = new Map([
    [seller, 'seller'],
    [FEES, 'platform'],
    [TAX, 'tax'],
  ]);
  const tellShares = (shares: readonly Share[]) => {
    for (const { payee, amount, refunded } of shares) {
      tell(`  ${(names.get(payee) ?? payee).padEnd(10)}${format(amount - refunded).padStart(12)}`);
    }
    tell(
      `  ${'together'.padEnd(10)}${format(shares.reduce((sum, share) => sum + share.amount - share.refunded, 0n)).padStart(12)}`,
    );
  };

  tell(`the buyer pays ${format(order.amount)}`);
  tellShares(await payOrder(marketplace, order));
  tell('the same order again is paid once');
  tellShares(await payOrder(marketplace, order));
  tell(`${format(3_333n)} are refunded`);
  tellShares(await refundOrder(marketplace, { order: run, refund: 'one of three', amount: 3_333n }));
  const tooMuch = refundOrder(marketplace, { order: run, refund: 'too much', amount: 6_667n });
  tell(
    `${format(6_667n)} more: ${await tooMuch.then(
      () => 'refunded',
      (error: Error) => `refused, ${error.message}`,
    )}`,
  );
  tell(`the rest, ${format(6_666n)}, is refunded`);
  tellShares(await refundOrder(marketplace, { order: run, refund: 'the rest', amount: 6_666n }));
  tell(`the buyer has ${format((await ledger.accounts.get(buyer)).posted)} again`);
}

async function openAccounts(ledger: Ledger, buyer: string, seller: string): Promise<void> {
  await ledger.accounts.ensure({ address: 'world:eur', currency: CURRENCY });
  await ledger.accounts.ensure({ address: FEES, currency: CURRENCY, type: 'income' });
  await ledger.accounts.ensure({ address: TAX, currency: CURRENCY });
  await ledger.accounts.open({ address: seller, currency: CURRENCY });
  await ledger.accounts.open({ address: buyer, currency: CURRENCY });
  await ledger.transfers.post({ from: 'world:eur', to: buyer, amount: 10_000n, currency: CURRENCY });
}

function format(amount: bigint): string {
  return `${toDecimal(amount, 2)} ${CURRENCY}`;
}
