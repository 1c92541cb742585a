import type { AggregateLine, Ledger } from '@micropay/ledger-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;

beforeAll(async () => {
  ledger = bed.ledger();
  const { accounts, transfers } = ledger;
  await accounts.open({ address: 'world:usd', currency: 'USD' });
  await accounts.open({ address: 'world:eur', currency: 'EUR' });
  await accounts.open({ address: 'fees', currency: 'USD', type: 'income' });
  for (const address of ['users:4', 'users:4:usd', 'users:4:usd:savings', 'users:4.5:usd', 'users:42:usd']) {
    await accounts.open({ address, currency: 'USD' });
  }
  await accounts.open({ address: 'users:4:eur', currency: 'EUR' });
  const post = (to: string, amount: bigint, currency = 'USD') =>
    transfers.post({ from: `world:${currency.toLowerCase()}`, to, amount, currency });
  await post('users:4', 1n);
  await post('users:4:usd', 20n);
  await post('users:4:usd:savings', 300n);
  await post('users:4.5:usd', 4_000n);
  await post('users:42:usd', 50_000n);
  await post('users:4:eur', 7n, 'EUR');
  await transfers.post({ from: 'users:42:usd', to: 'fees', amount: 9n, currency: 'USD' });
  await ledger.holds.place({ from: 'users:4:usd', to: 'users:42:usd', amount: 15n, currency: 'USD' });
});

const brief = (lines: readonly AggregateLine[]) =>
  lines.map(({ path, currency, type, accounts, posted }) => `${path} ${currency} ${type} ${accounts} ${posted}`);

describe('accounts.aggregate', () => {
  it('accounts.aggregate sums the whole ledger by the first segment, currency and type', async () => {
    expect(brief(await ledger.accounts.aggregate())).toEqual([
      'fees USD income 1 9',
      'users EUR liability 1 7',
      'users USD liability 5 54312',
      'world EUR asset 1 7',
      'world USD asset 1 54321',
    ]);
  });

  it('accounts.aggregate keeps to segments: what is below users:4 is not users:42, nor users:4.5', async () => {
    expect(brief(await ledger.accounts.aggregate({ path: 'users:4' }))).toEqual([
      'users:4 USD liability 1 1',
      'users:4:eur EUR liability 1 7',
      'users:4:usd USD liability 2 320',
    ]);
    expect(brief(await ledger.accounts.aggregate({ path: 'users:4', depth: 2 }))).toEqual([
      'users:4 EUR liability 1 7',
      'users:4 USD liability 3 321',
    ]);
  });

  it('accounts.aggregate goes as deep as it is asked to', async () => {
    expect(brief(await ledger.accounts.aggregate({ path: 'users', depth: 200 }))).toEqual([
      'users:4 USD liability 1 1',
      'users:4.5:usd USD liability 1 4000',
      'users:42:usd USD liability 1 49991',
      'users:4:eur EUR liability 1 7',
      'users:4:usd USD liability 1 20',
      'users:4:usd:savings USD liability 1 300',
    ]);
  });

  it('accounts.aggregate takes one type alone', async () => {
    expect(brief(await ledger.accounts.aggregate({ type: 'income' }))).toEqual(['fees USD income 1 9']);
  });

  it('accounts.aggregate knows both sides and what is held', async () => {
    const [users] = await ledger.accounts
      .aggregate({ path: 'users', depth: 1, type: 'liability' })
      .then((lines) => lines.filter(({ currency }) => currency === 'USD'));
    expect(users).toMatchObject({ debits: 9n, credits: 54_321n, pendingIn: 15n, pendingOut: 15n });
    const [world] = await ledger.accounts.aggregate({ path: 'world:usd', depth: 2 });
    expect(world).toMatchObject({ debits: 54_321n, credits: 0n, posted: 54_321n });
  });

  it('accounts.aggregate finds nothing where no account is, and nothing of another ledger', async () => {
    expect(await ledger.accounts.aggregate({ path: 'users:5' })).toEqual([]);
    expect(await bed.ledger({ name: 'other' }).accounts.aggregate()).toEqual([]);
  });

  it('accounts.aggregate sums to the trial balance, however deep', async () => {
    const { totals } = await ledger.trialBalance();
    for (const depth of [1, 2, 3, 4]) {
      const lines = await ledger.accounts.aggregate({ depth });
      for (const { currency, debits, credits } of totals) {
        const ofCurrency = lines.filter((line) => line.currency === currency);
        expect(ofCurrency.reduce((sum, line) => sum + line.debits, 0n)).toBe(debits);
        expect(ofCurrency.reduce((sum, line) => sum + line.credits, 0n)).toBe(credits);
      }
    }
  });

  it('accounts.aggregate says of random addresses what a sum over the list of them says', async () => {
    const book = ledger.inLedger('random');
    const segment = fc.constantFrom('a', 'a.b', 'A', 'a-', '0', '10', 'z_');
    const addresses = fc.sample(fc.array(segment, { minLength: 1, maxLength: 4 }), { numRuns: 60, seed: 7 });
    for (const address of new Set(addresses.map((segments) => segments.join(':')))) {
      await book.accounts.open({ address, currency: 'USD', minimum: null });
    }
    const all = (await book.accounts.list({ limit: 1_000 })).data;
    for (const { address: path } of all) {
      const expected = all.filter(({ address }) => address === path || address.startsWith(`${path}:`)).length;
      const lines = await book.accounts.aggregate({ path, depth: path.split(':').length });
      expect(lines.map((line) => [line.path, line.accounts])).toEqual([[path, expected]]);
    }
  });

  it.each([
    ['a path that ends within a segment’s mark', { path: 'users:' }, 'invalid_address'],
    ['a path that is no address', { path: '%' }, 'invalid_address'],
    ['a depth of zero', { depth: 0 }, 'invalid_request'],
    ['half a segment', { depth: 1.5 }, 'invalid_request'],
    ['an unknown type', { type: 'money' as 'asset' }, 'invalid_request'],
  ])('accounts.aggregate refuses %s', async (_, options, code) => {
    await expect(ledger.accounts.aggregate(options)).rejects.toEqual(refusal(code));
  });
});

it('reads the index of addresses below a path, and refuses more lines than anybody reads', async () => {
  const book = ledger.inLedger('large');
  await book.accounts.open({ address: 'users:first', currency: 'USD' });
  const [row] = await bed.sql<{ ledger: number }>(`select id as ledger from micropay.ledgers where name = 'large'`);
  await bed.sql(
    `with account as (
       insert into micropay.accounts (ledger, id, address, type, currency, opened_at)
       select $1, gen_random_uuid(), 'users:' || n || ':usd', 'liability', 'USD', now() from generate_series(1, 20000) n
       returning ledger, id
     )
     insert into micropay.balances (ledger, account_id, recorded_at, debit_normal, currency, minimum)
     select ledger, id, now(), false, 'USD', 0 from account`,
    [row?.ledger],
  );
  await bed.sql('analyze micropay.accounts, micropay.balances');
  await expect(book.accounts.aggregate({ path: 'users' })).rejects.toEqual(refusal('invalid_request'));
  expect(brief(await book.accounts.aggregate({ path: 'users', depth: 1 }))).toEqual(['users USD liability 20001 0']);

  const client = await bed.connect();
  const { rows } = await client.query(
    `explain select 1 from micropay.accounts a where a.ledger = ${row?.ledger}
       and (a.address = 'users:77' or (a.address >= 'users:77' || ':' and a.address < 'users:77' || ';'))`,
  );
  expect(rows.map((line) => Object.values(line)[0]).join('\n')).toContain('accounts_address_unique');
});
