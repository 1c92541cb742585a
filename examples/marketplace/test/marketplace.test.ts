import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createLedger, type Ledger, migrate } from '@micropay/ledger-core';
import { createEmptyDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTables, type Marketplace, payOrder, refundOrder } from '../src/orders.js';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
let database: TestDatabase;
let ledger: Ledger;
let pool: Pool;
let marketplace: Marketplace;

beforeAll(async () => {
  database = await createEmptyDatabase();
  await migrate({ database: database.url });
  ledger = createLedger({ database: database.url });
  pool = new Pool({ connectionString: database.url });
  marketplace = { ledger, pool };
  await createTables(pool);
  await ledger.accounts.ensure({ address: 'world:eur', currency: 'EUR' });
  for (const address of ['buyer', 'seller', 'fees', 'tax']) await ledger.accounts.open({ address, currency: 'EUR' });
  await ledger.transfers.post({ from: 'world:eur', to: 'buyer', amount: 10_000n, currency: 'EUR' });
});
afterAll(async () => {
  await ledger.close();
  await pool.end();
  await database.drop();
});

const order = (id: string, amount: bigint) => ({
  id,
  buyer: 'buyer',
  payees: [
    { account: 'seller', weight: '97.1' },
    { account: 'fees', weight: '2.9' },
    { account: 'tax', weight: '19' },
  ],
  amount,
  currency: 'EUR',
});

const balances = async () =>
  Promise.all(['buyer', 'seller', 'fees', 'tax'].map(async (address) => (await ledger.accounts.get(address)).posted));

async function expectSound(): Promise<void> {
  expect((await ledger.verify()).problems).toEqual([]);
}

it('the marketplace example prints each step, and can be run again', async () => {
  for (let times = 0; times < 2; times += 1) {
    const env = { ...process.env, DATABASE_URL: database.url };
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', main], { env });
    const paid = [
      '  seller       81.59 EUR',
      '  platform      2.44 EUR',
      '  tax          15.96 EUR',
      '  together     99.99 EUR',
    ];
    const zero = [
      '  seller        0.00 EUR',
      '  platform      0.00 EUR',
      '  tax           0.00 EUR',
      '  together      0.00 EUR',
    ];
    expect(stdout.split('\n')).toEqual([
      'the buyer pays 99.99 EUR',
      ...paid,
      'the same order again is paid once',
      ...paid,
      '33.33 EUR are refunded',
      '  seller       54.39 EUR',
      '  platform      1.63 EUR',
      '  tax          10.64 EUR',
      '  together     66.66 EUR',
      expect.stringMatching(/^66\.67 EUR more: refused, only 6666 of order .* can still be refunded$/),
      'the rest, 66.66 EUR, is refunded',
      ...zero,
      'the buyer has 100.00 EUR again',
      '',
    ]);
  }
  await expectSound();
});

describe('refundOrder', () => {
  it('refundOrder gives back cent by cent, and never more from a payee than they got', async () => {
    const before = await balances();
    await payOrder(marketplace, order('seven-cents', 7n));
    for (let cent = 1; cent <= 7; cent += 1) {
      const shares = await refundOrder(marketplace, { order: 'seven-cents', refund: `${cent}`, amount: 1n });
      expect(shares.reduce((sum, { refunded }) => sum + refunded, 0n)).toBe(BigInt(cent));
    }
    expect(await balances()).toEqual(before);
    await expectSound();
  });

  it('refundOrder refunds once, however many concurrent calls there are', async () => {
    const before = await balances();
    await payOrder(marketplace, order('once', 1_000n));
    const refund = { order: 'once', refund: 'all', amount: 1_000n };
    await Promise.all(Array.from({ length: 5 }, () => refundOrder(marketplace, refund)));
    expect(await balances()).toEqual(before);
    await expectSound();
  });

  it('refundOrder leaves no row behind when a payee has spent their share', async () => {
    await payOrder(marketplace, order('spent', 1_000n));
    await ledger.transfers.post({ from: 'seller', to: 'world:eur', amount: 816n, currency: 'EUR' });
    const refund = refundOrder(marketplace, { order: 'spent', refund: 'all', amount: 1_000n });
    await expect(refund).rejects.toMatchObject({ code: 'insufficient_funds' });
    const { rows } = await pool.query(`select from refunds where order_id = 'spent'`);
    expect(rows).toEqual([]);
    await expectSound();
  });
});

it('payOrder pays nobody when the buyer has too little, and stores no order', async () => {
  const before = await balances();
  await expect(payOrder(marketplace, order('too-much', 1_000_000n))).rejects.toMatchObject({
    code: 'insufficient_funds',
  });
  const { rows } = await pool.query(`select from orders where id = 'too-much'`);
  expect([rows, await balances()]).toEqual([[], before]);
});
