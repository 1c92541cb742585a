import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LinkedLeg } from '../src/index.js';
import { startLossyProxy } from './support/lossy-proxy.js';
import { codeOf, makeUser } from './support/make-user.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it('a hold sets money aside, is captured in parts, and releases the rest', async () => {
  const [alice, bob] = [await makeUser(server, { balance: 5_000n }), await makeUser(server)];
  const expiresAt = new Date('2999-01-01T00:00:00Z');
  const hold = await alice.client.holds.place({ ...alice.pay(bob.email, 2_000n), expiresAt, description: 'Bicycle' });
  expect(hold).toMatchObject({ amount: 2_000n, captured: 0n, remaining: 2_000n, state: 'open', replayed: false });
  expect(hold.expiresAt).toBe(expiresAt.toISOString());
  expect(await alice.money()).toEqual({ posted: 5_000n, pendingIn: 0n, pendingOut: 2_000n, available: 3_000n });

  const part = await bob.client.holds.capture(hold.id, { amount: 500n });
  expect(part).toMatchObject({ kind: 'capture', amount: 500n, released: 0n, originalId: hold.id, toBalance: 500n });
  const rest = await server.operator.holds.capture(hold.id, { amount: 1_000n, final: true });
  expect(rest).toMatchObject({ amount: 1_000n, released: 500n, fromBalance: 3_500n });
  expect(await alice.client.holds.get(hold.id)).toMatchObject({ captured: 1_500n, remaining: 0n, state: 'captured' });

  const other = await alice.client.holds.place({ ...alice.pay(bob.wallet, 10n), expiresAt: '2999-01-01T00:00:00Z' });
  expect(await bob.client.holds.release(other.id, { description: 'Sold out' })).toMatchObject({ kind: 'release' });
  const listed: string[] = [];
  for await (const { id } of bob.client.holds.list(bob.wallet, { limit: 1 })) listed.push(id);
  expect(listed).toEqual([other.id, hold.id]);
  expect((await bob.client.holds.listPage(bob.wallet, { open: true })).data).toEqual([]);
});

it('a hold cannot be captured or released by its payer or by strangers', async () => {
  const [alice, bob] = [await makeUser(server, { balance: 100n }), await makeUser(server)];
  const hold = await alice.client.holds.place(alice.pay(bob.wallet, 100n));
  expect(await codeOf(alice.client.holds.capture(hold.id))).toBe('forbidden');
  expect(await codeOf(alice.client.holds.release(hold.id))).toBe('forbidden');
  const carol = await makeUser(server);
  expect(await codeOf(carol.client.holds.capture(hold.id))).toBe('hold_not_found');
  expect(await codeOf(carol.client.holds.get(hold.id))).toBe('hold_not_found');
  expect(await codeOf(carol.client.holds.listPage(alice.wallet))).toBe('account_not_found');
});

it('holds with invalid arguments are refused before anything is sent', async () => {
  const { client } = await makeUser(server);
  // @ts-expect-error An amount is a bigint.
  expect(await codeOf(client.holds.capture('x', { amount: 1 }))).toBe('invalid_amount');
  expect(await codeOf(client.holds.release('x', {}, { idempotencyKey: '' }))).toBe('invalid_request');
});

it('a hold, a capture and a release happen once although responses are lost', async () => {
  const bob = await makeUser(server);
  const proxy = await startLossyProxy(server.url);
  try {
    const alice = await makeUser(server, { baseUrl: proxy.url, balance: 100n });
    proxy.lose(2);
    const hold = await alice.client.holds.place(alice.pay(bob.wallet, 60n));
    expect(hold).toMatchObject({ replayed: true, remaining: 60n });
    const shop = await makeUser(server, { baseUrl: proxy.url });
    const second = await alice.client.holds.place(alice.pay(shop.wallet, 40n));
    proxy.lose(1);
    expect(await shop.client.holds.capture(second.id, { amount: 30n })).toMatchObject({ replayed: true, amount: 30n });
    proxy.lose(1);
    expect(await shop.client.holds.release(second.id)).toMatchObject({ replayed: true, amount: 10n });
    expect(await alice.money()).toEqual({ posted: 70n, pendingIn: 0n, pendingOut: 60n, available: 10n });
  } finally {
    await proxy.close();
  }
});

it('a dry run of a hold returns its result, and changes nothing', async () => {
  const [alice, bob] = [await makeUser(server, { balance: 100n }), await makeUser(server)];
  const before = await alice.money();
  const idempotencyKey = 'tried-first';
  const tried = await alice.client.holds.place({ ...alice.pay(bob.wallet, 60n), dryRun: true }, { idempotencyKey });
  expect(tried).toMatchObject({ state: 'open', remaining: 60n, replayed: false });
  expect(await alice.money()).toEqual(before);
  const hold = await alice.client.holds.place(alice.pay(bob.wallet, 60n), { idempotencyKey });
  expect(hold.replayed).toBe(false);
  expect(await bob.client.holds.capture(hold.id, { dryRun: true })).toMatchObject({ amount: 60n, toBalance: 60n });
  expect(await bob.client.holds.get(hold.id)).toMatchObject({ remaining: 60n });
});

it('holds, captures, releases and reversals are linked with payments: all or none', async () => {
  const [alice, bob] = [await makeUser(server, { balance: 100n }), await makeUser(server)];
  const { transfers, holds } = alice.client;
  const expiresAt = new Date('2999-01-01T00:00:00Z');
  const [payment, hold, other] = await transfers.postLinked([
    alice.pay(bob.wallet, 10n),
    { kind: 'hold', ...alice.pay(bob.email, 20n), expiresAt },
    { kind: 'hold', ...alice.pay(bob.wallet, 30n) },
  ]);
  expect(await holds.get(hold?.id ?? '')).toMatchObject({ remaining: 20n, expiresAt: expiresAt.toISOString() });

  const ends: LinkedLeg[] = [
    { kind: 'capture', hold: hold?.id ?? '', amount: 5n, final: true },
    { kind: 'release', hold: other?.id ?? '', description: 'Sold out' },
    { kind: 'reversal', transfer: payment?.id ?? '', amount: 4n, reason: 'Cold' },
  ];
  const tried = await bob.client.transfers.postLinked(ends, { dryRun: true });
  expect(tried.map(({ kind, amount }) => [kind, amount])).toEqual([
    ['capture', 5n],
    ['release', 30n],
    ['reversal', 4n],
  ]);
  expect(await alice.money()).toEqual({ posted: 90n, pendingIn: 0n, pendingOut: 50n, available: 40n });
  expect(await codeOf(transfers.postLinked(ends))).toBe('forbidden');
  expect(await codeOf(bob.client.transfers.postLinked([...ends, ...ends.slice(1, 2)]))).toBe('hold_closed');
  const posted = await server.operator.transfers.postLinked(ends);
  expect(posted[0]).toMatchObject({ released: 15n, originalId: hold?.id, groupId: posted[0]?.id });
  expect(await alice.money()).toEqual({ posted: 89n, pendingIn: 0n, pendingOut: 0n, available: 89n });
  // @ts-expect-error A release takes no amount.
  const wrong: LinkedLeg = { kind: 'release', hold: '', amount: 1n };
  expect(await codeOf(bob.client.transfers.postLinked([wrong]))).toBe('invalid_request');
});
