import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LinkedLeg, Transfer } from '../src/index.js';
import { startLossyProxy } from './support/lossy-proxy.js';
import { codeOf, makeUser } from './support/make-user.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it('a payment is reversed in parts', async () => {
  const [alice, bob] = [await makeUser(server, { balance: 500n }), await makeUser(server)];
  const payment = await alice.client.transfers.post(alice.pay(bob.wallet, 100n));
  const part = await bob.client.transfers.reverse(payment.id, { amount: 30n, reason: 'One was cold' });
  expect(part).toMatchObject({ kind: 'reversal', amount: 30n, description: 'One was cold', replayed: false });
  expect(await bob.client.transfers.reverse(payment.id, { dryRun: true })).toMatchObject({ amount: 70n });
  expect(await codeOf(bob.client.transfers.reverse(payment.id, { amount: 71n }))).toBe('reversal_exceeds_transfer');
  expect(await codeOf(alice.client.transfers.reverse(payment.id))).toBe('forbidden');
  expect(await codeOf(bob.client.transfers.reverse(payment.id, { allowOverdraft: true }))).toBe('forbidden');
  const rest = await bob.client.transfers.reverse(payment.id);
  const reversals: Transfer[] = [];
  for await (const reversal of alice.client.transfers.reversals(payment.id, { limit: 1 })) reversals.push(reversal);
  expect(reversals).toMatchObject([
    { id: part.id, amount: 30n, fromBalance: null, toBalance: 430n },
    { id: rest.id, amount: 70n, fromBalance: null, toBalance: 500n },
  ]);
  const stranger = await makeUser(server);
  expect(await codeOf(stranger.client.transfers.reversalsPage(payment.id))).toBe('transfer_not_found');
});

it('linked payments are reversed, all or none', async () => {
  const [alice, bob] = [await makeUser(server, { balance: 500n }), await makeUser(server)];
  const { transfers } = bob.client;
  const linked = await alice.client.transfers.postLinked([alice.pay(bob.wallet, 100n), alice.pay(bob.wallet, 20n)]);
  const groupId = linked[0]?.groupId ?? '';
  expect(await transfers.reverseLinked(groupId, { dryRun: true })).toMatchObject([{ amount: 20n }, { amount: 100n }]);
  expect(await codeOf(alice.client.transfers.reverseLinked(groupId))).toBe('forbidden');
  const idempotencyKey = randomUUID();
  const reversals = await transfers.reverseLinked(groupId, { reason: 'Cancelled' }, { idempotencyKey });
  expect(reversals).toMatchObject([
    { kind: 'reversal', amount: 20n, originalId: linked[1]?.id, description: 'Cancelled', replayed: false },
    { kind: 'reversal', amount: 100n, originalId: linked[0]?.id, fromBalance: 0n, toBalance: null },
  ]);
  expect(await transfers.reverseLinked(groupId, { reason: 'Cancelled' }, { idempotencyKey })).toEqual(
    reversals.map((reversal) => ({ ...reversal, replayed: true })),
  );
  expect(await codeOf(server.operator.transfers.reverseLinked(groupId))).toBe('reversal_exceeds_transfer');
  expect([(await alice.money()).posted, (await bob.money()).posted]).toEqual([500n, 0n]);
});

it('a payment is reversed once although the response is lost', async () => {
  const alice = await makeUser(server, { balance: 500n });
  const proxy = await startLossyProxy(server.url);
  try {
    const bob = await makeUser(server, { baseUrl: proxy.url });
    const payment = await alice.client.transfers.post(alice.pay(bob.wallet, 100n));
    proxy.lose(2);
    expect(await bob.client.transfers.reverse(payment.id, { amount: 30n })).toMatchObject({ replayed: true });
    expect((await bob.money()).posted).toBe(70n);
  } finally {
    await proxy.close();
  }
});

it('dry runs of payments, linked payments and deposits change nothing', async () => {
  const [alice, bob] = [await makeUser(server, { balance: 500n }), await makeUser(server)];
  const before = [await alice.money(), await bob.money()];
  const { client, pay, wallet } = alice;
  expect(await client.transfers.post({ ...pay(bob.wallet, 100n), dryRun: true })).toMatchObject({
    fromBalance: 400n,
  });
  const linked = await client.transfers.postLinked([pay(bob.wallet, 1n), pay(bob.wallet, 2n)], { dryRun: true });
  expect(linked.map(({ fromBalance }) => fromBalance)).toEqual([499n, 497n]);
  expect(await client.transfers.postMany([{ ...pay(bob.wallet, 1n), dryRun: true }])).toMatchObject([{ ok: true }]);
  const cash = { wallet, amount: 5n, currency: 'USD', dryRun: true };
  expect(await server.operator.deposits.create(cash)).toMatchObject({ toBalance: 505n });
  expect([await alice.money(), await bob.money()]).toEqual(before);
});

it('only operators open, freeze, limit and close accounts', async () => {
  const { accounts } = server.operator;
  const prefix = `fees:${randomUUID().slice(0, 8)}`;
  const opened = await accounts.open({ address: `${prefix}:usd`, currency: 'USD', type: 'income', maximum: 900n });
  expect(opened).toMatchObject({ posted: 0n, minimum: 0n, maximum: 900n, available: 0n, version: 0n, status: 'open' });
  await accounts.open({ address: `${prefix}:eur`, currency: 'EUR', minimum: null });
  expect(await accounts.get(opened.address)).toEqual(opened);
  const addresses: string[] = [];
  for await (const { address } of accounts.list({ prefix, limit: 1 })) addresses.push(address);
  expect(addresses).toEqual([`${prefix}:eur`, `${prefix}:usd`]);

  expect(await accounts.freeze(opened.id, { side: 'credits', reason: 'Audit' })).toMatchObject({
    status: 'frozen_credits',
  });
  expect(await accounts.unfreeze(opened.address)).toMatchObject({ status: 'open' });
  expect(await accounts.setLimits(opened.id, { minimum: -5n, maximum: null }, { reason: 'Agreed' })).toMatchObject({
    minimum: -5n,
    maximum: null,
  });
  expect(await codeOf(accounts.setLimits(opened.id, { minimum: 1n }))).toBe('limit_broken');
  // @ts-expect-error A limit is a bigint.
  expect(await codeOf(accounts.setLimits(opened.id, { minimum: 1 }))).toBe('invalid_amount');
  expect(await accounts.close(opened.id, { reason: 'Unused' })).toMatchObject({ status: 'closed' });
  expect(await codeOf(accounts.open({ address: `users:${randomUUID()}:usd`, currency: 'USD' }))).toBe(
    'invalid_address',
  );

  const { client, wallet } = await makeUser(server);
  expect(await codeOf(client.accounts.get(wallet))).toBe('forbidden');
  expect(await codeOf(client.accounts.freeze(wallet))).toBe('forbidden');
});

it('an exchange goes through trading accounts, all or none, at the operator’s rate', async () => {
  const { accounts, transfers } = server.operator;
  const alice = await makeUser(server, { balance: 5_000n });
  const { id: euros } = await alice.client.wallets.create({ currency: 'EUR' });
  for (const currency of ['USD', 'EUR']) {
    const address = `trading:${currency.toLowerCase()}`;
    await accounts.open({ address, currency, type: 'equity', minimum: null });
  }
  // As the ledger's own exchange() makes them.
  const metadata = { exchange: { rate: '0.9223', source: 'treasury desk, 2026-11-20' } };
  const legs: LinkedLeg[] = [
    { from: alice.wallet, to: 'trading:usd', amount: 2_501n, currency: 'USD', metadata },
    { from: 'trading:eur', to: euros, amount: 2_306n, currency: 'EUR', metadata },
  ];
  expect(await codeOf(alice.client.transfers.postLinked(legs))).toBe('account_not_found');
  expect(await transfers.postLinked(legs)).toMatchObject([
    { fromBalance: 2_499n, toBalance: 2_501n, metadata },
    { fromBalance: -2_306n, toBalance: 2_306n, metadata },
  ]);
  expect((await server.operator.trialBalance()).balanced).toBe(true);
});

it('operators may date transfers, and users may not', async () => {
  const { transfers, deposits, withdrawals } = server.operator;
  const [alice, bob] = [await makeUser(server, { balance: 500n }), await makeUser(server)];
  const effectiveAt = new Date('2026-03-01T12:00:00Z');
  const cash = { wallet: alice.wallet, amount: 5n, currency: 'USD', effectiveAt };
  const payment = await transfers.post({ ...alice.pay(bob.wallet, 10n), effectiveAt });
  const hold = await alice.client.holds.place(alice.pay(bob.wallet, 4n));
  expect(await codeOf(bob.client.holds.capture(hold.id, { effectiveAt }))).toBe('forbidden');
  const dated = [
    payment,
    await deposits.create(cash),
    await withdrawals.create({ ...cash, effectiveAt: effectiveAt.toISOString() }),
    await transfers.reverse(payment.id, { amount: 1n, effectiveAt }),
    ...(await transfers.postLinked([{ ...alice.pay(bob.wallet, 1n), effectiveAt }])),
  ];
  expect(dated.map((one) => one.effectiveAt)).toEqual(dated.map(() => effectiveAt.toISOString()));
  // Of this year's hold, nothing counts before it was placed.
  const late = new Date('2999-03-01T12:00:00Z');
  const captures = [
    await server.operator.holds.capture(hold.id, { amount: 1n, effectiveAt: late }),
    ...(await transfers.postLinked([{ kind: 'capture', hold: hold.id, amount: 1n, effectiveAt: late }])),
  ];
  expect(captures.map((one) => one.effectiveAt)).toEqual(captures.map(() => late.toISOString()));
  const early = [
    server.operator.holds.capture(hold.id, { amount: 1n, effectiveAt }),
    transfers.reverse(payment.id, { amount: 1n, effectiveAt: new Date(effectiveAt.getTime() - 1) }),
  ];
  expect(await Promise.all(early.map(codeOf))).toEqual(early.map(() => 'effective_before_original'));
  expect(await alice.client.wallets.get(alice.wallet, { at: '2026-03-02', by: 'effective' })).toMatchObject({
    balance: -10n,
  });
  expect(await codeOf(alice.client.transfers.post({ ...alice.pay(bob.wallet, 1n), effectiveAt }))).toBe('forbidden');
  expect(await codeOf(bob.client.transfers.reverse(payment.id, { effectiveAt }))).toBe('forbidden');
});

it('an asset of your own is registered once with a fixed scale', async () => {
  const { currencies, deposits } = server.operator;
  const { client } = await makeUser(server);
  expect(await client.currencies.get('JPY')).toEqual({ code: 'JPY', scale: 0 });
  expect(await codeOf(client.currencies.get('ETH'))).toBe('unknown_currency');
  expect(await codeOf(client.wallets.create({ currency: 'ETH' }))).toBe('unknown_currency');
  expect(await codeOf(client.currencies.register({ code: 'ETH', scale: 18 }))).toBe('forbidden');
  expect(await currencies.register({ code: 'ETH', scale: 18 })).toEqual({ code: 'ETH', scale: 18 });
  expect(await currencies.register({ code: 'ETH', scale: 18 })).toEqual(await client.currencies.get('ETH'));
  expect(await codeOf(currencies.register({ code: 'ETH', scale: 8 }))).toBe('currency_scale_fixed');
  expect(await codeOf(currencies.register({ code: 'USD', scale: 3 }))).toBe('currency_scale_fixed');
  expect(await codeOf(currencies.register({ code: 'eth', scale: 18 }))).toBe('invalid_request');
  expect(await codeOf(currencies.register({ code: 'ETH', scale: 31 }))).toBe('invalid_request');
  const wallet = await client.wallets.create({ currency: 'ETH' });
  const amount = 10n ** 20n;
  expect(await deposits.create({ wallet: wallet.id, amount, currency: 'ETH' })).toMatchObject({ toBalance: amount });
  const ALWAYS = { from: '2020-01-01', to: '9999-12-31' };
  expect(await client.statements.get({ account: wallet.id, ...ALWAYS })).toMatchObject({ scale: 18, closing: amount });
});
