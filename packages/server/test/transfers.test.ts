import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceOf, call, registerUser, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;
let carol: TestUser;

beforeAll(async () => {
  [server, alice, bob, carol] = await startServerWithUsers(10_000n, 0n, 0n);
});
afterAll(() => server.stop());

function pay(from: TestUser, body: Record<string, unknown>, key: string = randomUUID()) {
  return call(server.url, 'POST /v1/transfers', {
    token: from.token,
    key,
    body: { from: from.wallet, currency: 'USD', ...body },
  });
}

describe('a payment', () => {
  it('a payment moves money between wallets and shows the payer only their own balance', async () => {
    const before = BigInt(await balanceOf(server.url, alice));
    const { status, body, headers } = await pay(alice, {
      to: bob.wallet,
      amount: '100',
      description: 'Lunch',
      metadata: { orderId: '7', items: [1, { two: null }] },
    });
    expect(status).toBe(201);
    expect(headers.get('idempotent-replayed')).toBeNull();
    expect(body).toMatchObject({
      kind: 'transfer',
      from: alice.wallet,
      to: bob.wallet,
      amount: '100',
      currency: 'USD',
      description: 'Lunch',
      metadata: { orderId: '7', items: [1, { two: null }] },
      fromBalance: String(before - 100n),
      toBalance: null,
    });
  });

  it('a payment goes by email to the wallet named as the currency', async () => {
    const { status, body } = await pay(alice, { to: bob.email.toUpperCase(), amount: '5' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ to: bob.wallet, toBalance: null });
  });

  it('a payment by email needs a wallet that is named as the currency and holds it', async () => {
    await call(server.url, 'POST /v1/wallets', { token: carol.token, body: { currency: 'USD', name: 'sek' } });
    const { status, body } = await pay(alice, { to: carol.email, amount: '5', currency: 'SEK' });
    expect([status, body.code]).toEqual([404, 'recipient_not_found']);
  });

  it('a payment between two wallets of one user shows both balances', async () => {
    const savings = await call(server.url, 'POST /v1/wallets', {
      token: alice.token,
      body: { currency: 'USD', name: 'savings' },
    });
    const { body } = await pay(alice, { to: savings.body.id, amount: '7' });
    expect(body.toBalance).toBe('7');
    expect(body.fromBalance).toBe(await balanceOf(server.url, alice));
  });

  it('a payment of more money than there is changes nothing', async () => {
    const before = await balanceOf(server.url, bob);
    const { status, body } = await pay(bob, { to: alice.wallet, amount: '99999999' });
    expect([status, body.code]).toEqual([422, 'insufficient_funds']);
    expect(await balanceOf(server.url, bob)).toBe(before);
  });
});

describe('an idempotency key', () => {
  it('an idempotency key answers a repetition with the first result', async () => {
    const key = randomUUID();
    const first = await pay(alice, { to: bob.wallet, amount: '3' }, key);
    const before = await balanceOf(server.url, alice);
    const again = await pay(alice, { to: bob.wallet, amount: '3' }, key);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(again.body).toEqual(first.body);
    expect(await balanceOf(server.url, alice)).toBe(before);
  });

  it('an idempotency key replays a payment by email after the payee has opened another wallet', async () => {
    const key = randomUUID();
    const first = await pay(alice, { to: carol.email, amount: '3' }, key);
    await call(server.url, 'POST /v1/wallets', { token: carol.token, body: { currency: 'USD', name: 'aaa' } });
    const again = await pay(alice, { to: carol.email, amount: '3' }, key);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
  });

  it('an idempotency key replays although the money is gone by now', async () => {
    const dave = await registerUser(server.url, { balance: 10n });
    const key = randomUUID();
    await pay(dave, { to: bob.wallet, amount: '10' }, key);
    const again = await pay(dave, { to: bob.wallet, amount: '10' }, key);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
  });

  it.each([
    ['another amount', { amount: '4' }],
    ['another payee', { to: 'carol' }],
    ['a description', { description: 'new' }],
    ['other metadata', { metadata: { a: 1 } }],
  ])('an idempotency key refuses another request: %s', async (_name, change) => {
    const key = randomUUID();
    await pay(alice, { to: bob.wallet, amount: '3' }, key);
    const to = 'to' in change ? carol.wallet : bob.wallet;
    const { status, body } = await pay(alice, { amount: '3', ...change, to }, key);
    expect([status, body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('an idempotency key of one user says nothing about the same key of another', async () => {
    const key = randomUUID();
    await pay(alice, { to: bob.wallet, amount: '20' }, key);
    const { status, headers } = await pay(bob, { to: alice.wallet, amount: '1' }, key);
    expect([status, headers.get('idempotent-replayed')]).toEqual([201, null]);
  });

  it('an idempotency key of a refused payment may be used again', async () => {
    const poor = await registerUser(server.url);
    const key = randomUUID();
    expect((await pay(poor, { to: bob.wallet, amount: '3' }, key)).status).toBe(422);
    await pay(alice, { to: poor.wallet, amount: '3' });
    expect((await pay(poor, { to: bob.wallet, amount: '3' }, key)).status).toBe(201);
  });
});

describe('a race', () => {
  it('a race of two users for one wallet never pays more than there is', async () => {
    const shared = await registerUser(server.url, { balance: 100n });
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, index) => pay(shared, { to: (index % 2 ? alice : bob).wallet, amount: '30' })),
    );
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(await balanceOf(server.url, shared)).toBe('10');
  });

  it('a race of requests with one key has one winner, and the others replay it', async () => {
    const key = randomUUID();
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => pay(alice, { to: bob.wallet, amount: '2' }, key)),
    );
    expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
    expect(replies.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
  });
});

describe('GET /v1/transfers/{id}', () => {
  it('GET /v1/transfers/{id} shows each party its own balance, an operator both, and nobody else anything', async () => {
    const { body: transfer } = await pay(alice, { to: bob.wallet, amount: '1' });
    const target = `GET /v1/transfers/${transfer.id}`;
    const seenBy = async (token: string) => (await call(server.url, target, { token })).body;
    expect(await seenBy(alice.token)).toEqual(transfer);
    expect(await seenBy(bob.token)).toMatchObject({ fromBalance: null, toBalance: await balanceOf(server.url, bob) });
    expect(await seenBy(OPERATOR_KEY)).toMatchObject({
      fromBalance: transfer.fromBalance,
      toBalance: await balanceOf(server.url, bob),
    });
    const hidden = await seenBy(carol.token);
    expect(hidden).toMatchObject({ status: 404, code: 'transfer_not_found' });
    const { body: missing } = await call(server.url, `GET /v1/transfers/${randomUUID()}`, { token: carol.token });
    expect(missing).toEqual({ ...hidden, instance: missing.instance });
  });
});
