import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, registerUser, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;
let carol: TestUser;

beforeAll(async () => {
  [server, alice, bob, carol] = await startServerWithUsers(100_000n, 0n, 0n);
});
afterAll(() => server.stop());

const order = (change: Record<string, unknown> = {}) => ({
  from: alice.wallet,
  to: bob.wallet,
  amount: '100',
  currency: 'USD',
  ...change,
});
const post = (path: string, token: string, body?: unknown, key: string | undefined = randomUUID()) =>
  call(server.url, `POST ${path}`, { token, key, body });
const place = (change: Record<string, unknown> = {}, key?: string) =>
  post('/v1/holds', alice.token, order(change), key);
const get = (path: string, token: string) => call(server.url, `GET ${path}`, { token });
const moneyOf = async (user: TestUser) => {
  const { balance, pendingIn, pendingOut } = (await get(`/v1/wallets/${user.wallet}`, user.token)).body;
  return { balance: BigInt(balance), pendingIn: BigInt(pendingIn), pendingOut: BigInt(pendingOut) };
};

describe('placing a hold', () => {
  it('placing a hold sets money of the payer aside', async () => {
    const [before, bobBefore] = [await moneyOf(alice), await moneyOf(bob)];
    const { status, body } = await place({ expiresAt: '2999-01-01T01:00:00+01:00', description: 'Bicycle' });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(String),
      from: alice.wallet,
      to: bob.wallet,
      currency: 'USD',
      amount: '100',
      captured: '0',
      remaining: '100',
      state: 'open',
      expiresAt: '2999-01-01T00:00:00.000Z',
      reference: null,
    });
    expect(await moneyOf(alice)).toEqual({ ...before, pendingOut: before.pendingOut + 100n });
    expect(await moneyOf(bob)).toEqual({ ...bobBefore, pendingIn: bobBefore.pendingIn + 100n });
    expect((await get(`/v1/transfers/${body.id}`, bob.token)).body).toMatchObject({ description: 'Bicycle' });
  });

  it('placing a hold names the payee by email, too', async () => {
    expect((await place({ to: bob.email })).body).toMatchObject({ to: bob.wallet, state: 'open', expiresAt: null });
  });

  it('placing a hold answers a repetition with the hold as it was placed, whatever has become of it', async () => {
    const key = randomUUID();
    const first = await place({}, key);
    await post(`/v1/holds/${first.body.id}/release`, bob.token);
    const again = await place({}, key);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(again.body).toEqual(first.body);
    expect((await place({ amount: '101' }, key)).body.code).toBe('idempotency_key_reused');
  });

  it.each([
    ['no from', { from: undefined }, 400, 'invalid_request', 'from'],
    ['a number for to', { to: 5 }, 400, 'invalid_request', 'to'],
    ['no amount', { amount: undefined }, 400, 'invalid_amount', 'amount'],
    ['the amount 0', { amount: '0' }, 400, 'invalid_amount', 'amount'],
    ['39 digits', { amount: '1'.repeat(39) }, 400, 'invalid_amount', 'amount'],
    ['a malformed currency', { currency: 'usd' }, 422, 'unknown_currency', 'currency'],
    ['a date without a time', { expiresAt: '2999-01-01' }, 400, 'invalid_request', 'expiresAt'],
    ['a time without an offset', { expiresAt: '2999-01-01T00:00:00' }, 400, 'invalid_request', 'expiresAt'],
    ['a number for expiresAt', { expiresAt: 32472144000000 }, 400, 'invalid_request', 'expiresAt'],
    ['the year 0', { expiresAt: '0000-01-01T00:00:00Z' }, 400, 'invalid_request', undefined],
    ['a time that is over', { expiresAt: '2020-01-01T00:00:00Z' }, 422, 'expiry_in_past', undefined],
    ['a text for dryRun', { dryRun: 'true' }, 400, 'invalid_request', 'dryRun'],
    ['a long description', { description: 'x'.repeat(501) }, 400, 'invalid_request', 'description'],
    ['an array as metadata', { metadata: [] }, 400, 'invalid_request', 'metadata'],
    ['an unknown field', { effectiveAt: '2020-01-01T00:00:00Z' }, 400, 'invalid_request', ''],
    ['another currency than the wallets’', { currency: 'EUR' }, 422, 'currency_mismatch', undefined],
    ['more money than there is', { amount: '99999999' }, 422, 'insufficient_funds', undefined],
    ['an email nobody has', { to: 'nobody@example.com' }, 404, 'recipient_not_found', undefined],
    ['a wallet that is missing', { to: randomUUID() }, 404, 'account_not_found', undefined],
  ])('placing a hold is refused with %s', async (_name, change, status, code, path) => {
    const before = await moneyOf(alice);
    const reply = await place(change);
    expect([reply.status, reply.body.code]).toEqual([status, code]);
    expect(reply.headers.get('content-type')).toBe('application/problem+json');
    if (path !== undefined) expect(reply.body.errors[0].path).toBe(path);
    expect(await moneyOf(alice)).toEqual(before);
  });

  it('placing a hold is for the owner of the wallet, who logs in and names the intention', async () => {
    expect((await place({ from: bob.wallet })).body.code).toBe('account_not_found');
    const { body } = await call(server.url, 'POST /v1/holds', { token: alice.token, body: order() });
    expect(body.code).toBe('idempotency_key_required');
  });

  it('placing a hold is open to an operator, between any accounts, by id, address or email', async () => {
    const before = await moneyOf(alice);
    const { body: byEmail } = await post('/v1/holds', OPERATOR_KEY, order({ to: bob.email, description: 'Deposit' }));
    expect(byEmail).toMatchObject({ from: alice.wallet, to: bob.wallet, state: 'open' });
    const key = randomUUID();
    const toTheWorld = order({ from: `users:${alice.id}:usd`, to: 'world:usd', expiresAt: '2999-01-01T00:00:00Z' });
    const placed = await post('/v1/holds', OPERATOR_KEY, toTheWorld, key);
    expect([placed.status, placed.body.from]).toEqual([201, alice.wallet]);
    const again = await post('/v1/holds', OPERATOR_KEY, toTheWorld, key);
    expect([again.headers.get('idempotent-replayed'), again.body]).toEqual(['true', placed.body]);
    expect(await moneyOf(alice)).toEqual({ ...before, pendingOut: before.pendingOut + 200n });
    expect((await post(`/v1/holds/${placed.body.id}/capture`, OPERATOR_KEY)).status).toBe(201);
    const { body: acts } = await get(`/v1/audit-log?operation=placeHold&subject=${alice.wallet}`, OPERATOR_KEY);
    expect(acts.data).toMatchObject([{ outcome: 'done', result: byEmail.id }]);
    for (const change of [{ to: 'world:usd' }, { from: `users:${bob.id}:usd` }]) {
      expect((await place(change)).body.code).toBe('account_not_found');
    }
    const { body } = await post('/v1/api-keys', OPERATOR_KEY, { name: 'reader', scopes: ['transfers:read'] });
    expect((await post('/v1/holds', body.key, order())).body.code).toBe('forbidden');
  });

  it('placing a hold as a dry run answers the same with 200 and leaves no trace', async () => {
    const before = await moneyOf(alice);
    const key = randomUUID();
    const { status, body } = await place({ dryRun: true }, key);
    expect([status, body.state, body.remaining]).toEqual([200, 'open', '100']);
    expect((await get(`/v1/holds/${body.id}`, alice.token)).body.code).toBe('hold_not_found');
    expect((await place({ dryRun: true, amount: '99999999' }, key)).body.code).toBe('insufficient_funds');
    expect(await moneyOf(alice)).toEqual(before);
    // Nor is the key used up: it may name another request.
    expect((await place({ amount: '7' }, key)).status).toBe(201);
  });
});

describe('a hold', () => {
  it('a hold is shown to its two parties and operators, without balances, and is missing for others', async () => {
    const { body: hold } = await place();
    for (const token of [alice.token, bob.token, OPERATOR_KEY]) {
      expect((await get(`/v1/holds/${hold.id}`, token)).body).toEqual(hold);
    }
    const { status, body } = await get(`/v1/holds/${hold.id}`, carol.token);
    expect([status, body.code]).toEqual([404, 'hold_not_found']);
    for (const id of [randomUUID(), alice.wallet, 'x', '%00']) {
      expect((await get(`/v1/holds/${id}`, alice.token)).body.code).toBe('hold_not_found');
    }
  });

  it('a hold is captured by its payee in parts, and the rest goes back', async () => {
    const before = await moneyOf(alice);
    const { body: hold } = await place();
    const part = await post(`/v1/holds/${hold.id}/capture`, bob.token, { amount: '30', description: 'Wheel' });
    expect(part.status).toBe(201);
    expect(part.body).toMatchObject({
      kind: 'capture',
      originalId: hold.id,
      amount: '30',
      released: '0',
      description: 'Wheel',
      fromBalance: null,
      toBalance: String((await moneyOf(bob)).balance),
    });
    const final = await post(`/v1/holds/${hold.id}/capture`, OPERATOR_KEY, { amount: '20', final: true });
    expect(final.body).toMatchObject({ amount: '20', released: '50', fromBalance: String(before.balance - 50n) });
    expect((await get(`/v1/holds/${hold.id}`, alice.token)).body).toMatchObject({
      state: 'captured',
      captured: '50',
      remaining: '0',
    });
    expect(await moneyOf(alice)).toEqual({ ...before, balance: before.balance - 50n });
  });

  it('a hold is captured whole without a body', async () => {
    const { body: hold } = await place();
    expect((await post(`/v1/holds/${hold.id}/capture`, bob.token)).body).toMatchObject({ amount: '100' });
    const { status, body } = await post(`/v1/holds/${hold.id}/capture`, bob.token);
    expect([status, body.code]).toEqual([422, 'hold_closed']);
  });

  it('a hold is released by its payee and by an operator', async () => {
    for (const token of [bob.token, OPERATOR_KEY]) {
      const { body: hold } = await place();
      const { status, body } = await post(`/v1/holds/${hold.id}/release`, token, { description: 'Sold out' });
      expect([status, body.kind, body.originalId, body.description]).toEqual([201, 'release', hold.id, 'Sold out']);
      expect((await get(`/v1/holds/${hold.id}`, alice.token)).body.state).toBe('released');
    }
  });

  it.each(['capture', 'release'])(
    'a hold refuses a %s by its payer, and by others as if it were missing',
    async (action) => {
      const { body: hold } = await place();
      const path = `/v1/holds/${hold.id}/${action}`;
      const byPayer = await post(path, alice.token, {});
      expect([byPayer.status, byPayer.body.code]).toEqual([403, 'forbidden']);
      const byStranger = await post(path, carol.token, {});
      expect([byStranger.status, byStranger.body.code]).toEqual([404, 'hold_not_found']);
      const { body: missing } = await get(`/v1/holds/${randomUUID()}`, bob.token);
      expect(byStranger.body.detail).toBe(missing.detail);
      expect((await get(`/v1/holds/${hold.id}`, alice.token)).body).toEqual(hold);
    },
  );

  it.each(['capture', 'release'])(
    'a repeated %s of a hold returns the first result, and its key is refused for another',
    async (action) => {
      const { body: hold } = await place();
      const key = randomUUID();
      const first = await post(`/v1/holds/${hold.id}/${action}`, bob.token, {}, key);
      const again = await post(`/v1/holds/${hold.id}/${action}`, bob.token, {}, key);
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
      expect(again.body).toEqual(first.body);
      const { body: other } = await place();
      const { body } = await post(`/v1/holds/${other.id}/${action}`, bob.token, {}, key);
      expect(body.code).toBe('idempotency_key_reused');
      const unnamed = await call(server.url, `POST /v1/holds/${hold.id}/${action}`, { token: bob.token, body: {} });
      expect(unnamed.body.code).toBe('idempotency_key_required');
    },
  );

  it.each(['capture', 'release'])('a hold as a dry run of a %s answers 200 and stays as it was', async (action) => {
    const { body: hold } = await place();
    const before = [await moneyOf(alice), await moneyOf(bob)];
    const { status, body } = await post(`/v1/holds/${hold.id}/${action}`, bob.token, { dryRun: true });
    expect([status, body.kind, body.amount]).toEqual([200, action, '100']);
    expect((await get(`/v1/holds/${hold.id}`, bob.token)).body).toEqual(hold);
    expect((await get(`/v1/transfers/${body.id}`, bob.token)).body.code).toBe('transfer_not_found');
    expect([await moneyOf(alice), await moneyOf(bob)]).toEqual(before);
  });

  it.each([
    ['capture', 'more than is held', { amount: '101' }, 422, 'capture_exceeds_hold', undefined],
    ['capture', 'a number for the amount', { amount: 1 }, 400, 'invalid_amount', 'amount'],
    ['capture', 'the amount 0', { amount: '0' }, 400, 'invalid_amount', 'amount'],
    ['capture', 'a text for final', { final: 'yes' }, 400, 'invalid_request', 'final'],
    ['capture', 'a text for dryRun', { dryRun: 'yes' }, 400, 'invalid_request', 'dryRun'],
    ['capture', 'a number as description', { description: 5 }, 400, 'invalid_request', 'description'],
    ['capture', 'a text as metadata', { metadata: 'x' }, 400, 'invalid_request', 'metadata'],
    ['capture', 'an unknown field', { partial: true }, 400, 'invalid_request', ''],
    ['capture', 'no object', [], 400, 'invalid_request', ''],
    ['release', 'an amount', { amount: '1' }, 400, 'invalid_request', ''],
    ['release', 'NUL in the description', { description: '\u0000' }, 400, 'invalid_request', undefined],
  ])('a hold is not changed by a %s with %s', async (action, _name, change, status, code, path) => {
    const { body: hold } = await place();
    const reply = await post(`/v1/holds/${hold.id}/${action}`, bob.token, change);
    expect([reply.status, reply.body.code]).toEqual([status, code]);
    if (path !== undefined) expect(reply.body.errors[0].path).toBe(path);
    expect((await get(`/v1/holds/${hold.id}`, bob.token)).body).toEqual(hold);
  });

  it('a hold expires by itself and blocks no money then', async () => {
    const dave = await registerUser(server.url, { balance: 100n });
    const expiresAt = new Date(Date.now() + 1_500).toISOString();
    const { body: hold } = await post('/v1/holds', dave.token, order({ from: dave.wallet, expiresAt }));
    await expect
      .poll(async () => (await get(`/v1/holds/${hold.id}`, dave.token)).body.state, { timeout: 20_000 })
      .toBe('expired');
    const { status } = await post('/v1/transfers', dave.token, order({ from: dave.wallet }));
    expect(status).toBe(201);
    expect((await post(`/v1/holds/${hold.id}/capture`, bob.token)).body.code).toBe('hold_closed');
  });
});

describe('a race', () => {
  it('a race of captures and a release moves no more than was held', async () => {
    const { body: hold } = await place();
    const before = await moneyOf(alice);
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        post(
          `/v1/holds/${hold.id}/${index === 5 ? 'release' : 'capture'}`,
          bob.token,
          index === 5 ? {} : { amount: '30' },
        ),
      ),
    );
    const { body: ended } = await get(`/v1/holds/${hold.id}`, bob.token);
    const captures = replies.filter(({ status, body }) => status === 201 && body.kind === 'capture');
    expect(BigInt(ended.captured)).toBe(30n * BigInt(captures.length));
    expect(BigInt(ended.captured)).toBeLessThanOrEqual(100n);
    expect((await moneyOf(alice)).balance).toBe(before.balance - BigInt(ended.captured));
  });
});

describe('the holds of a wallet', () => {
  it('the holds of a wallet come newest first, page by page, to its owner and operators', async () => {
    const dave = await registerUser(server.url, { balance: 100n });
    const ids: string[] = [];
    for (const amount of ['1', '2', '3']) {
      ids.unshift((await post('/v1/holds', dave.token, order({ from: dave.wallet, amount }))).body.id);
    }
    await post(`/v1/holds/${ids[1]}/release`, bob.token);
    const list = async (token: string, query = '') =>
      (await get(`/v1/wallets/${dave.wallet}/holds${query}`, token)).body;
    const first = await list(dave.token, '?limit=2');
    const second = await list(dave.token, `?limit=2&cursor=${encodeURIComponent(first.nextCursor)}`);
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids);
    expect(second.nextCursor).toBeNull();
    expect((await list(OPERATOR_KEY, '?open=true')).data.map(({ id }: { id: string }) => id)).toEqual([ids[0], ids[2]]);
    expect((await list(OPERATOR_KEY, '?open=false')).data).toHaveLength(3);
    expect((await list(bob.token)).code).toBe('account_not_found');
    expect(await list(dave.token, '?open=1')).toMatchObject({ status: 400, errors: [{ path: 'open' }] });
    expect(await list(dave.token, '?limit=201')).toMatchObject({ status: 400, errors: [{ path: 'limit' }] });
    expect((await list(dave.token, '?cursor=x')).code).toBe('invalid_cursor');
  });
});
