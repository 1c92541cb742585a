import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceOf, call, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;
let fees: string;

beforeAll(async () => {
  [server, alice, bob] = await startServerWithUsers(1_000n, 1_000n);
  const account = { address: 'fees:card:usd', currency: 'USD', type: 'income' };
  fees = (await call(server.url, 'POST /v1/accounts', { token: OPERATOR_KEY, body: account })).body.id;
});
afterAll(() => server.stop());

const post = (path: string, token: string, body: unknown) =>
  call(server.url, `POST ${path}`, { token, key: randomUUID(), body });
const get = (path: string) => call(server.url, `GET ${path}`, { token: OPERATOR_KEY });
const order = (from: string, to: string, change: object = {}) => ({
  from,
  to,
  amount: '10',
  currency: 'USD',
  ...change,
});

describe('an operator', () => {
  it('an operator pays between any accounts, and sees both balances', async () => {
    const charged = await post('/v1/transfers', OPERATOR_KEY, order(alice.wallet, fees));
    expect(charged).toMatchObject({ status: 201, body: { fromBalance: '990', toBalance: '10' } });
    const refunded = await post('/v1/transfers', OPERATOR_KEY, order(fees, bob.email, { amount: '4' }));
    expect(refunded).toMatchObject({ status: 201, body: { to: bob.wallet, fromBalance: '6', toBalance: '1004' } });
    const tooMuch = await post('/v1/transfers', OPERATOR_KEY, order(fees, bob.wallet, { amount: '7' }));
    expect([tooMuch.status, tooMuch.body.code]).toEqual([422, 'insufficient_funds']);
    const nobody = await post('/v1/transfers', OPERATOR_KEY, order(randomUUID(), bob.wallet));
    expect([nobody.status, nobody.body.code]).toEqual([404, 'account_not_found']);
    expect((await post('/v1/transfers', OPERATOR_KEY, order(bob.wallet, fees, { dryRun: true }))).status).toBe(200);
    expect((await get(`/v1/accounts/${fees}`)).body.posted).toBe('6');
    const byAddress = await post('/v1/transfers', OPERATOR_KEY, order('fees:card:usd', 'world:usd', { amount: '1' }));
    expect(byAddress).toMatchObject({ status: 201, body: { from: fees, fromBalance: '5' } });
  });

  it('an operator pays many times, each on its own', async () => {
    const transfers = [order(alice.wallet, fees), order(fees, alice.wallet), order(fees, randomUUID())];
    const { status, body } = await post('/v1/transfers/batch', OPERATOR_KEY, {
      transfers: transfers.map((one) => ({ ...one, idempotencyKey: randomUUID() })),
    });
    expect(status).toBe(200);
    expect(body.results.map(({ ok, error }: { ok: boolean; error?: object }) => error ?? ok)).toMatchObject([
      true,
      true,
      { code: 'account_not_found' },
    ]);
  });

  it('an operator says when a movement counts, and nobody else', async () => {
    const effectiveAt = '2026-03-01T12:00:00.000Z';
    const cash = { wallet: alice.wallet, amount: '5', currency: 'USD', effectiveAt };
    const payment = order(alice.wallet, fees, { effectiveAt });
    const { body: paid } = await post('/v1/transfers', OPERATOR_KEY, payment);
    const link = (token: string, legs: object[]) => post('/v1/transfers/linked', token, { transfers: legs });
    const replies = [
      await post('/v1/deposits', OPERATOR_KEY, cash),
      await post('/v1/withdrawals', OPERATOR_KEY, cash),
      await post(`/v1/transfers/${paid.id}/reversals`, OPERATOR_KEY, { amount: '1', effectiveAt }),
    ];
    expect([paid, ...replies.map(({ body }) => body)].map((transfer) => transfer.effectiveAt)).toEqual(
      Array(4).fill(effectiveAt),
    );
    const early = { amount: '1', effectiveAt: '2026-03-01T11:59:59.999Z' };
    const tooEarly = [
      await post(`/v1/transfers/${paid.id}/reversals`, OPERATOR_KEY, early),
      await link(OPERATOR_KEY, [{ kind: 'reversal', transfer: paid.id, ...early }]),
    ];
    expect(tooEarly.map(({ status, body }) => [status, body.code])).toEqual(
      Array(2).fill([422, 'effective_before_original']),
    );
    const { body: linked } = await link(OPERATOR_KEY, [
      payment,
      { kind: 'reversal', transfer: paid.id, amount: '1', effectiveAt },
    ]);
    expect(linked.results.map(({ transfer }: { transfer: { effectiveAt: string } }) => transfer.effectiveAt)).toEqual(
      Array(2).fill(effectiveAt),
    );

    const mine = order(alice.wallet, bob.wallet, { effectiveAt });
    const { body: received } = await post('/v1/transfers', alice.token, order(alice.wallet, bob.wallet));
    const before = await balanceOf(server.url, bob);
    const refused = [
      await post('/v1/transfers', alice.token, mine),
      await link(alice.token, [mine]),
      await post(`/v1/transfers/${received.id}/reversals`, bob.token, { effectiveAt }),
    ];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(Array(3).fill([403, 'forbidden']));
    expect(await balanceOf(server.url, bob)).toBe(before);
  });
});

it('users pay wallets alone, and from their own', async () => {
  const pay = async (body: object) => (await post('/v1/transfers', alice.token, body)).body.code;
  expect(await pay(order(alice.wallet, fees))).toBe('account_not_found');
  expect(await pay(order(fees, alice.wallet))).toBe('account_not_found');
  expect(await pay(order(bob.wallet, alice.wallet))).toBe('account_not_found');
  expect(await pay(order('world:usd', alice.wallet))).toBe('account_not_found');
  expect(await pay(order(alice.wallet, 'world:usd'))).toBe('account_not_found');
  expect(await pay(order(`users:${bob.id}:usd`, alice.wallet))).toBe('account_not_found');
});

it('transfers of operators leave a ledger that verifies', async () => {
  expect((await get('/v1/verify')).body).toMatchObject({ ok: true, problems: [] });
});
