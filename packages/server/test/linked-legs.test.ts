import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceOf, call, deposit, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;
let carol: TestUser;

beforeAll(async () => {
  [server, alice, bob, carol] = await startServerWithUsers(100_000n, 10_000n, 0n);
});
afterAll(() => server.stop());

type Leg = Record<string, unknown>;

const post = (path: string, token: string, body?: unknown, key: string = randomUUID()) =>
  call(server.url, `POST ${path}`, { token, key, body });
const link = (token: string, transfers: Leg[], options: { dryRun?: boolean; key?: string } = {}) =>
  post('/v1/transfers/linked', token, { transfers, dryRun: options.dryRun }, options.key);
const transferOf = (change: Leg = {}): Leg => ({
  from: alice.wallet,
  to: bob.wallet,
  amount: '10',
  currency: 'USD',
  ...change,
});
const placed = async (change: Leg = {}): Promise<string> =>
  (await post('/v1/holds', alice.token, transferOf(change))).body.id;
const paid = async (change: Leg = {}): Promise<string> =>
  (await post('/v1/transfers', alice.token, transferOf(change))).body.id;
const holdOf = async (id: string) => (await call(server.url, `GET /v1/holds/${id}`, { token: OPERATOR_KEY })).body;
const transfersOf = (body: { results: { transfer: unknown }[] }) => body.results.map(({ transfer }) => transfer);

describe('linked legs', () => {
  it('linked legs of every kind post together, as one group', async () => {
    const [captured, released] = [await placed({ from: alice.wallet, to: bob.wallet }), await placed()];
    const payment = await paid();
    const key = randomUUID();
    const legs = [
      { from: bob.wallet, to: carol.wallet, amount: '3', currency: 'USD' },
      { kind: 'transfer', from: bob.wallet, to: carol.email, amount: '4', currency: 'USD' },
      { ...transferOf({ from: bob.wallet, to: carol.wallet }), kind: 'hold', expiresAt: '2999-01-01T00:00:00Z' },
      { kind: 'capture', hold: captured, amount: '6', final: true, description: 'All there was' },
      { kind: 'release', hold: released },
      { kind: 'reversal', transfer: payment, amount: '2', reason: 'Cold' },
    ];
    const { status, body } = await link(bob.token, legs, { key });
    expect(status).toBe(200);
    const groupId = body.results[0].transfer.id;
    expect(transfersOf(body)).toMatchObject([
      { kind: 'transfer', amount: '3', groupId },
      { kind: 'transfer', amount: '4', groupId, toBalance: null },
      { kind: 'hold', amount: '10', groupId },
      { kind: 'capture', amount: '6', released: '4', originalId: captured, description: 'All there was', groupId },
      { kind: 'release', amount: '10', originalId: released, groupId },
      { kind: 'reversal', amount: '2', originalId: payment, description: 'Cold', toBalance: null, groupId },
    ]);
    expect(await holdOf(body.results[2].transfer.id)).toMatchObject({
      state: 'open',
      remaining: '10',
      to: carol.wallet,
      expiresAt: '2999-01-01T00:00:00.000Z',
    });
    expect([(await holdOf(captured)).state, (await holdOf(released)).state]).toEqual(['captured', 'released']);

    const again = await link(bob.token, legs, { key });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(transfersOf(again.body)).toEqual(transfersOf(body));
    const other = await link(bob.token, [...legs.slice(0, -1), { ...legs[5], amount: '3' }], { key });
    expect(other.body.code).toBe('idempotency_key_reused');
  });

  it('linked legs post none when the last one is refused', async () => {
    const hold = await placed();
    const before = await balanceOf(server.url, bob);
    const legs = [
      { kind: 'capture', hold, amount: '4' },
      { ...transferOf({ from: bob.wallet, to: carol.wallet, amount: '1111' }), kind: 'hold' },
      { kind: 'capture', hold, amount: '7' },
    ];
    const { status, body } = await link(bob.token, legs);
    expect([status, body.code, body.errors[0].path]).toEqual([422, 'capture_exceeds_hold', 'transfers.2']);
    expect(await holdOf(hold)).toMatchObject({ state: 'open', captured: '0' });
    expect(await balanceOf(server.url, bob)).toBe(before);
    const { body: holds } = await call(server.url, `GET /v1/wallets/${carol.wallet}/holds`, { token: carol.token });
    expect(holds.data.filter(({ amount }: { amount: string }) => amount === '1111')).toEqual([]);
  });

  it('linked legs capture a hold in parts, one after the other', async () => {
    const hold = await placed();
    const { body } = await link(bob.token, [
      { kind: 'capture', hold, amount: '4' },
      { kind: 'capture', hold },
    ]);
    expect(transfersOf(body)).toMatchObject([{ amount: '4' }, { amount: '6' }]);
  });

  it('linked legs are tried without a trace', async () => {
    const hold = await placed();
    const before = await balanceOf(server.url, bob);
    const legs = [
      { kind: 'capture', hold },
      { ...transferOf({ from: bob.wallet, to: carol.wallet }), kind: 'hold' },
    ];
    const { status, body } = await link(bob.token, legs, { dryRun: true });
    expect([status, body.results.length]).toEqual([200, 2]);
    expect(await holdOf(hold)).toMatchObject({ state: 'open', captured: '0' });
    expect(await holdOf(body.results[1].transfer.id)).toMatchObject({ code: 'hold_not_found' });
    expect(await balanceOf(server.url, bob)).toBe(before);
  });

  it('linked legs leave one winner of a race with a capture', async () => {
    const hold = await placed();
    const replies = await Promise.all([
      ...Array.from({ length: 4 }, () => link(bob.token, [{ kind: 'capture', hold, amount: '8' }])),
      ...Array.from({ length: 4 }, () => post(`/v1/holds/${hold}/capture`, bob.token, { amount: '8' })),
    ]);
    expect(replies.filter(({ status }) => status < 300)).toHaveLength(1);
    expect(await holdOf(hold)).toMatchObject({ captured: '8', remaining: '2' });
  });
});

describe('a linked leg is refused', () => {
  const missing = [404, 'hold_not_found', 'transfers.1'];
  it.each([
    ['a capture', 'its payer', 'capture', () => alice.token, [403, 'forbidden', 'transfers.1']],
    ['a release', 'its payer', 'release', () => alice.token, [403, 'forbidden', 'transfers.1']],
    ['a capture', 'strangers', 'capture', () => carol.token, missing],
    ['a release', 'strangers', 'release', () => carol.token, missing],
  ])('a linked leg is refused as %s to %s', async (_what, _whom, kind, token, refusal) => {
    await deposit(server.url, carol.wallet, 5n);
    const hold = await placed();
    const own = token() === alice.token ? alice : carol;
    const first = { from: own.wallet, to: bob.wallet, amount: '1', currency: 'USD' };
    const before = await balanceOf(server.url, own);
    const { status, body } = await link(token(), [first, { kind, hold }]);
    expect([status, body.code, body.errors[0].path]).toEqual(refusal);
    expect(await balanceOf(server.url, own)).toBe(before);
    expect(await holdOf(hold)).toMatchObject({ state: 'open', captured: '0' });
  });

  it('a linked leg is refused as a hold on a wallet of somebody else', async () => {
    const { status, body } = await link(bob.token, [{ ...transferOf(), kind: 'hold' }]);
    expect([status, body.code, body.errors[0].path]).toEqual([404, 'account_not_found', 'transfers.0']);
  });

  it('a linked leg is refused as a reversal to all but its payee and operators', async () => {
    const transfer = await paid();
    const codeFor = async (token: string, change: Leg = {}) =>
      (await link(token, [{ kind: 'reversal', transfer, ...change }])).body.code;
    expect(await codeFor(alice.token)).toBe('forbidden');
    expect(await codeFor(carol.token)).toBe('transfer_not_found');
    expect(await codeFor(bob.token, { allowOverdraft: true })).toBe('forbidden');
  });

  it('operators link legs of every kind', async () => {
    const [hold, transfer] = [await placed(), await paid()];
    const legs = [
      { kind: 'capture', hold, amount: '1' },
      { kind: 'release', hold },
      { kind: 'reversal', transfer, allowOverdraft: true, reason: 'Stolen card' },
      transferOf(),
      transferOf({ kind: 'hold' }),
    ];
    const { status, body } = await link(OPERATOR_KEY, legs);
    expect([status, body.results[2].transfer.fromBalance === null]).toEqual([200, false]);
  });

  it.each([
    ['an unknown kind', { kind: 'expiry', hold: randomUUID() }, 'transfers.0.kind', 'invalid_request'],
    ['a capture of nothing', { kind: 'capture' }, 'transfers.0.hold', 'invalid_request'],
    ['a malformed hold', { kind: 'release', hold: 'x' }, 'transfers.0.hold', 'invalid_request'],
    ['an amount of a release', { kind: 'release', hold: randomUUID(), amount: '1' }, 'transfers.0', 'invalid_request'],
    ['the amount 0', { kind: 'capture', hold: randomUUID(), amount: '0' }, 'transfers.0.amount', 'invalid_amount'],
    [
      'a key of its own',
      { kind: 'release', hold: randomUUID(), idempotencyKey: 'k' },
      'transfers.0',
      'invalid_request',
    ],
    ['no object', 7, 'transfers.0', 'invalid_request'],
  ])('a linked leg is refused with %s', async (_name, leg, path, code) => {
    const { status, body } = await link(bob.token, [leg as Leg]);
    expect([status, body.code, body.errors[0].path]).toEqual([400, code, path]);
  });

  it('a linked leg is refused where transfers are not linked', async () => {
    const hold = await placed();
    const { status, body } = await call(server.url, 'POST /v1/transfers/batch', {
      token: bob.token,
      body: { transfers: [{ kind: 'capture', hold, idempotencyKey: randomUUID() }] },
    });
    expect([status, body.code]).toEqual([400, 'invalid_request']);
  });
});

it('linked legs leave a ledger that verifies', async () => {
  const { body } = await call(server.url, 'GET /v1/verify', { token: OPERATOR_KEY });
  expect(body).toMatchObject({ ok: true, problems: [] });
});
