import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceOf, call, deposit, registerUser, type TestUser } from './support/call.js';
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

const post = (path: string, token: string, body?: unknown, key: string | undefined = randomUUID()) =>
  call(server.url, `POST ${path}`, { token, key, body });
const get = (path: string, token: string) => call(server.url, `GET ${path}`, { token });
async function pay(to: TestUser = bob, amount = '100'): Promise<string> {
  const payment = { from: alice.wallet, to: to.wallet, amount, currency: 'USD' };
  const { status, body } = await post('/v1/transfers', alice.token, payment);
  expect(status).toBe(201);
  return body.id;
}
const reverse = (id: string, token: string, body?: unknown, key?: string) =>
  post(`/v1/transfers/${id}/reversals`, token, body, key);

describe('a reversal', () => {
  it('a reversal by the payee gives a part back, then the rest, and never more', async () => {
    const id = await pay();
    const before = [BigInt(await balanceOf(server.url, alice)), BigInt(await balanceOf(server.url, bob))] as const;
    const part = await reverse(id, bob.token, { amount: '30', reason: 'One was cold', metadata: { ticket: '7' } });
    expect(part.status).toBe(201);
    expect(part.body).toMatchObject({
      kind: 'reversal',
      originalId: id,
      from: bob.wallet,
      to: alice.wallet,
      amount: '30',
      description: 'One was cold',
      metadata: { ticket: '7' },
      fromBalance: String(before[1] - 30n),
      toBalance: null,
    });
    const tooMuch = await reverse(id, bob.token, { amount: '71' });
    expect([tooMuch.status, tooMuch.body.code]).toEqual([422, 'reversal_exceeds_transfer']);
    expect((await reverse(id, bob.token)).body).toMatchObject({ amount: '70' });
    expect((await reverse(id, bob.token)).body.code).toBe('reversal_exceeds_transfer');
    expect(await balanceOf(server.url, alice)).toBe(String(before[0] + 100n));
    expect(await balanceOf(server.url, bob)).toBe(String(before[1] - 100n));
  });

  it('a reversal is listed for both parties, each with its own balance, and for operators', async () => {
    const id = await pay();
    const { body: first } = await reverse(id, bob.token, { amount: '30' });
    const { body: second } = await reverse(id, OPERATOR_KEY, { amount: '20' });
    const list = async (token: string) => (await get(`/v1/transfers/${id}/reversals`, token)).body;
    expect(await list(OPERATOR_KEY)).toMatchObject({ data: [{ id: first.id }, second] });
    expect((await list(bob.token)).data[0]).toEqual(first);
    expect((await list(alice.token)).data[0]).toMatchObject({ id: first.id, fromBalance: null });
    expect((await list(alice.token)).data[0].toBalance).not.toBeNull();
    const page = await get(`/v1/transfers/${id}/reversals?limit=1`, bob.token);
    const next = await get(`/v1/transfers/${id}/reversals?limit=1&cursor=${page.body.nextCursor}`, bob.token);
    expect([page.body.data, next.body.data.map((reversal: { id: string }) => reversal.id)]).toEqual([
      [first],
      [second.id],
    ]);
    expect(next.body.nextCursor).toBeNull();
    expect((await get(`/v1/transfers/${id}/reversals?cursor=x`, bob.token)).body.code).toBe('invalid_cursor');
    expect(await list(carol.token)).toMatchObject({ status: 404, code: 'transfer_not_found' });
    expect((await get('/v1/transfers/nothing/reversals', alice.token)).body.code).toBe('transfer_not_found');
  });

  it('a reversal is refused to the payer, and to others as if the payment were missing', async () => {
    const id = await pay();
    expect(await reverse(id, alice.token)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await reverse(id, carol.token)).toMatchObject({ status: 404, body: { code: 'transfer_not_found' } });
    expect(await reverse(randomUUID(), bob.token)).toMatchObject({ body: { code: 'transfer_not_found' } });
  });

  it('a reversal of a deposit is for operators: for its user it would be a withdrawal', async () => {
    const { body: cash } = await deposit(server.url, carol.wallet, 50n);
    expect(await reverse(cash.id, carol.token)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect(await balanceOf(server.url, carol)).toBe('50');
    expect(await reverse(cash.id, OPERATOR_KEY)).toMatchObject({ status: 201, body: { amount: '50' } });
  });

  it('a reversal of a reversal or a hold is refused', async () => {
    const id = await pay();
    const { body: reversal } = await reverse(id, bob.token);
    expect(await reverse(reversal.id, alice.token)).toMatchObject({ status: 422, body: { code: 'not_reversible' } });
    const order = { from: alice.wallet, to: bob.wallet, amount: '5', currency: 'USD' };
    const { body: hold } = await post('/v1/holds', alice.token, order);
    expect(await reverse(hold.id, bob.token)).toMatchObject({ status: 422, body: { code: 'not_reversible' } });
    const { body: capture } = await post(`/v1/holds/${hold.id}/capture`, bob.token);
    expect(await reverse(capture.id, bob.token)).toMatchObject({ status: 201, body: { originalId: capture.id } });
  });

  it('a reversal where the money is gone needs an operator who allows an overdraft, and says who and why', async () => {
    const dave = await registerUser(server.url);
    const id = await pay(dave);
    await post('/v1/transfers', dave.token, { from: dave.wallet, to: alice.wallet, amount: '90', currency: 'USD' });
    expect((await reverse(id, dave.token)).body.code).toBe('insufficient_funds');
    const byUser = await reverse(id, dave.token, { allowOverdraft: true, reason: 'mine' });
    expect([byUser.status, byUser.body.code]).toEqual([403, 'forbidden']);
    expect((await reverse(id, OPERATOR_KEY)).body.code).toBe('insufficient_funds');
    const loweredMinimums = [{ account: dave.wallet, minimumBefore: '0', minimum: '-90' }];
    const overdraft = { allowOverdraft: true, reason: 'Stolen card' };
    expect((await reverse(id, OPERATOR_KEY, { ...overdraft, dryRun: true })).body).toMatchObject({ loweredMinimums });
    const { status, body: reversal } = await reverse(id, OPERATOR_KEY, overdraft, 'overdraft');
    expect(reversal).toMatchObject({ loweredMinimums });
    expect((await reverse(id, OPERATOR_KEY, overdraft, 'overdraft')).body).toEqual(reversal);
    expect([status, await balanceOf(server.url, dave)]).toEqual([201, '-90']);
    const { body: account } = await get(`/v1/accounts/${dave.wallet}`, OPERATOR_KEY);
    expect(account).toMatchObject({ minimum: '-90', posted: '-90' });
  });

  it('a repeated reversal returns the first result, and its key is refused for another', async () => {
    const id = await pay();
    const key = randomUUID();
    const first = await reverse(id, bob.token, { amount: '10' }, key);
    const again = await reverse(id, bob.token, { amount: '10' }, key);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(again.body).toEqual(first.body);
    expect((await reverse(id, bob.token, { amount: '11' }, key)).body.code).toBe('idempotency_key_reused');
    const unnamed = await call(server.url, `POST /v1/transfers/${id}/reversals`, { token: bob.token });
    expect(unnamed.body.code).toBe('idempotency_key_required');
  });

  it.each([
    ['a number for the amount', { amount: 1 }, 'invalid_amount', 'amount'],
    ['the amount 0', { amount: '0' }, 'invalid_amount', 'amount'],
    ['an empty reason', { reason: '' }, 'invalid_request', 'reason'],
    ['a long reason', { reason: 'x'.repeat(256) }, 'invalid_request', 'reason'],
    ['NUL in the reason', { reason: '\u0000' }, 'invalid_request', undefined],
    ['a text for allowOverdraft', { allowOverdraft: 'yes' }, 'invalid_request', 'allowOverdraft'],
    ['an array as metadata', { metadata: [] }, 'invalid_request', 'metadata'],
    ['a text for dryRun', { dryRun: 'yes' }, 'invalid_request', 'dryRun'],
    ['an unknown field', { all: true }, 'invalid_request', ''],
  ])('a reversal is refused with %s', async (_name, body, code, path) => {
    const id = await pay();
    const reply = await reverse(id, OPERATOR_KEY, body);
    expect([reply.status, reply.body.code]).toEqual([400, code]);
    if (path !== undefined) expect(reply.body.errors[0].path).toBe(path);
    expect((await get(`/v1/transfers/${id}/reversals`, OPERATOR_KEY)).body.data).toEqual([]);
  });

  it('concurrent reversals never return more than was paid', async () => {
    const id = await pay();
    const replies = await Promise.all(Array.from({ length: 8 }, () => reverse(id, bob.token, { amount: '30' })));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(3);
  });
});

describe('the reversal of a linked group', () => {
  const link = async (...orders: { to: TestUser; amount: string; kind?: string }[]) => {
    const transfers = orders.map(({ to, ...order }) => ({
      ...order,
      from: alice.wallet,
      to: to.wallet,
      currency: 'USD',
    }));
    const { status, body } = await post('/v1/transfers/linked', alice.token, { transfers });
    expect(status).toBe(200);
    return body.results.map(({ transfer }: { transfer: { id: string } }) => transfer.id) as string[];
  };
  const reverseAll = (groupId: string | undefined, token: string, body?: unknown, key?: string) =>
    post(`/v1/transfers/groups/${groupId}/reversals`, token, body, key);

  it('the reversal of a linked group gives back what is left of each leg, last leg first, and lets holds be', async () => {
    const before = await balanceOf(server.url, alice);
    const [first, hold, last] = await link(
      { to: bob, amount: '30' },
      { to: bob, amount: '5', kind: 'hold' },
      { to: bob, amount: '20' },
    );
    await reverse(last ?? '', bob.token, { amount: '15' });
    const { status, body } = await reverseAll(first, bob.token, { reason: 'Cancelled', metadata: { ticket: '7' } });
    expect(status).toBe(201);
    expect(body.data).toMatchObject([
      { kind: 'reversal', amount: '5', originalId: last, description: 'Cancelled', toBalance: null },
      { kind: 'reversal', amount: '30', originalId: first, metadata: { ticket: '7' } },
    ]);
    expect(body.data.map(({ groupId }: { groupId: string }) => groupId)).toEqual(Array(2).fill(body.data[0].id));
    expect((await get(`/v1/holds/${hold}`, bob.token)).body.state).toBe('open');
    expect(await balanceOf(server.url, alice)).toBe(before);
  });

  it('the reversal of a linked group is for the payee of all of it and for operators', async () => {
    const [id] = await link({ to: bob, amount: '30' }, { to: carol, amount: '20' });
    for (const { token } of [alice, bob, carol]) {
      expect(await reverseAll(id, token)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    }
    const dave = await registerUser(server.url);
    expect(await reverseAll(id, dave.token)).toMatchObject({ status: 404, body: { code: 'transfer_not_found' } });
    expect(await reverseAll(id, OPERATOR_KEY)).toMatchObject({ status: 201 });
  });

  it('the reversal of a linked group by users allows no overdraft, and by operators does', async () => {
    const dave = await registerUser(server.url);
    const [id] = await link({ to: dave, amount: '30' }, { to: dave, amount: '20' });
    await post('/v1/transfers', dave.token, { from: dave.wallet, to: alice.wallet, amount: '40', currency: 'USD' });
    const refused = await reverseAll(id, dave.token);
    expect([refused.status, refused.body.code]).toEqual([422, 'insufficient_funds']);
    expect(await balanceOf(server.url, dave)).toBe('10');
    expect((await reverseAll(id, dave.token, { allowOverdraft: true })).body.code).toBe('forbidden');
    expect(await reverseAll(id, OPERATOR_KEY, { allowOverdraft: true, reason: 'Stolen' })).toMatchObject({
      status: 201,
    });
    expect(await balanceOf(server.url, dave)).toBe('-40');
  });

  it('the reversal of a linked group is tried, repeated with its key, and refused once a leg has gone back', async () => {
    const [id, other] = await link({ to: bob, amount: '30' }, { to: bob, amount: '20' });
    const tried = await reverseAll(id, bob.token, { dryRun: true });
    expect([tried.status, tried.body.data.length]).toEqual([200, 2]);
    const key = randomUUID();
    const first = await reverseAll(id, bob.token, {}, key);
    const again = await reverseAll(id, bob.token, {}, key);
    expect([again.status, again.headers.get('idempotent-replayed'), again.body]).toEqual([201, 'true', first.body]);
    expect((await reverseAll(id, bob.token)).body.code).toBe('reversal_exceeds_transfer');
    expect((await get(`/v1/transfers/${other}/reversals`, bob.token)).body.data).toHaveLength(1);
  });

  it('the reversal of a linked group finds no group under the id of another thing', async () => {
    const alone = await pay();
    for (const id of [alone, randomUUID(), 'nothing']) {
      expect(await reverseAll(id, bob.token)).toMatchObject({ status: 404, body: { code: 'transfer_not_found' } });
    }
    expect((await reverseAll(alone, bob.token, { amount: '1' })).body.code).toBe('invalid_request');
  });
});
