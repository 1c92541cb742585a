import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, deposit, registerUser, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  [server, alice, bob] = await startServerWithUsers(0n, 0n);
});
afterAll(() => server.stop());

const open = (user: TestUser, body: unknown) => call(server.url, 'POST /v1/wallets', { token: user.token, body });
const get = (token: string, path: string) => call(server.url, `GET ${path}`, { token });

describe('wallets', () => {
  it('wallets are opened empty, named as the currency unless the user says otherwise', async () => {
    const euros = await open(alice, { currency: 'EUR' });
    expect(euros.status).toBe(201);
    expect(euros.body).toMatchObject({ name: 'eur', currency: 'EUR', status: 'open', balance: '0', available: '0' });
    const savings = await open(alice, { currency: 'EUR', name: 'rainy-day_1' });
    expect(savings.body).toMatchObject({ name: 'rainy-day_1', currency: 'EUR' });
  });

  it('wallets have names that are unique for their user only', async () => {
    await open(alice, { currency: 'CHF' });
    const again = await open(alice, { currency: 'CHF' });
    expect([again.status, again.body.code]).toEqual([409, 'account_exists']);
    expect((await open(bob, { currency: 'CHF' })).status).toBe(201);
  });

  it('wallets are listed by pages, in order of their names, without those of others', async () => {
    const user = await registerUser(server.url);
    for (const name of ['b', 'a', 'c']) await open(user, { currency: 'USD', name });
    const first = await get(user.token, '/v1/wallets?limit=3');
    expect(first.body.data.map(({ name }: { name: string }) => name)).toEqual(['a', 'b', 'c']);
    const second = await get(user.token, `/v1/wallets?limit=3&cursor=${encodeURIComponent(first.body.nextCursor)}`);
    expect(second.body.data.map(({ name }: { name: string }) => name)).toEqual(['usd']);
    expect(second.body.nextCursor).toBeNull();
  });

  it('wallets are seen by their user and by operators, and are as good as missing for anybody else', async () => {
    const path = `/v1/wallets/${alice.wallet}`;
    expect((await get(alice.token, path)).body.id).toBe(alice.wallet);
    expect((await get(OPERATOR_KEY, path)).body).toMatchObject({ id: alice.wallet, name: 'usd' });
    const others = await get(bob.token, path);
    const missing = await get(bob.token, `/v1/wallets/${randomUUID()}`);
    expect([others.status, others.body.code]).toEqual([404, 'account_not_found']);
    expect(missing.body).toEqual({ ...others.body, instance: missing.body.instance });
  });

  it.each(['users%3Ax%3Ausd', 'world:usd', 'x', '%00', '01A20487-20AB-71D9-83D0-E70D1CB1A294'])(
    'wallets cannot be found by %s',
    async (id) => {
      await deposit(server.url, alice.wallet, 1n);
      for (const path of [`/v1/wallets/${id}`, `/v1/wallets/${id}/entries`]) {
        const { status, body } = await get(OPERATOR_KEY, path);
        expect([status, body.code]).toEqual([404, 'account_not_found']);
      }
    },
  );

  it('wallets cannot be found by their address, also by their user', async () => {
    const { status } = await get(alice.token, `/v1/wallets/users:${alice.id}:usd`);
    expect(status).toBe(404);
  });

  it('wallets of the world are no wallets', async () => {
    const { body } = await deposit(server.url, alice.wallet, 1n);
    const { status } = await get(OPERATOR_KEY, `/v1/wallets/${body.from}`);
    expect(status).toBe(404);
  });
});

describe('entries', () => {
  it('entries are the history, newest first, by pages that fit together', async () => {
    const user = await registerUser(server.url);
    for (const amount of [1n, 2n, 3n, 4n, 5n]) await deposit(server.url, user.wallet, amount);
    const path = `/v1/wallets/${user.wallet}/entries`;
    const seen = [];
    let cursor = '';
    do {
      const { body } = await get(user.token, `${path}?limit=2${cursor}`);
      seen.push(...body.data);
      cursor = body.nextCursor === null ? '' : `&cursor=${encodeURIComponent(body.nextCursor)}`;
    } while (cursor !== '');
    expect(seen.map(({ amount, balance, version }) => [amount, balance, version])).toEqual([
      ['5', '15', '5'],
      ['4', '10', '4'],
      ['3', '6', '3'],
      ['2', '3', '2'],
      ['1', '1', '1'],
    ]);
    expect(seen[0]).toMatchObject({ direction: 'credit', kind: 'transfer', currency: 'USD', pendingOut: '0' });
    expect((await get(user.token, `${path}?limit=200`)).body.data).toEqual(seen);
  });

  it('entries of somebody else are as good as missing', async () => {
    const { status, body } = await get(bob.token, `/v1/wallets/${alice.wallet}/entries`);
    expect([status, body.code]).toEqual([404, 'account_not_found']);
  });

  it.each([
    ['limit=0', 'invalid_request', 'from 1 to 200'],
    ['limit=201', 'invalid_request', 'limit: must be a whole number from 1 to 200'],
    ['limit=x', 'invalid_request', 'whole number'],
    ['limit=1.5', 'invalid_request', 'whole number'],
    ['cursor=', 'invalid_cursor', 'cursor'],
    ['cursor=nonsense', 'invalid_cursor', 'cursor'],
    ['unknown=1', 'invalid_request', '"unknown"'],
  ])('entries are not to be had with %s', async (query, code, detail) => {
    for (const path of [`/v1/wallets/${alice.wallet}/entries`, '/v1/wallets']) {
      const { status, body } = await get(alice.token, `${path}?${query}`);
      expect([path, status, body.code]).toEqual([path, code === 'invalid_cursor' ? 422 : 400, code]);
      expect(body.detail).toContain(detail);
    }
  });
});
