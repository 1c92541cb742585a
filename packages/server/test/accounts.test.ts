import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, deposit, registerUser, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;

beforeAll(async () => {
  [server, alice] = await startServerWithUsers(5_000n);
});
afterAll(() => server.stop());

const get = (path: string, token = OPERATOR_KEY) => call(server.url, `GET ${path}`, { token });
const post = (path: string, body: unknown = {}, token = OPERATOR_KEY) =>
  call(server.url, `POST ${path}`, { token, body });
const open = (address: string, more: object = {}) => post('/v1/accounts', { address, currency: 'USD', ...more });

describe('accounts', () => {
  it('accounts are opened with type, limits and metadata, and found by id and by address', async () => {
    const opened = await open('fees:card:usd', {
      type: 'income',
      minimum: '-100',
      maximum: null,
      metadata: { a: [1] },
    });
    expect(opened.status).toBe(201);
    expect(opened.body).toMatchObject({
      address: 'fees:card:usd',
      type: 'income',
      minimum: '-100',
      maximum: null,
      posted: '0',
      available: '100',
      version: '0',
      metadata: { a: [1] },
    });
    expect((await get(`/v1/accounts/${opened.body.id}`)).body).toEqual(opened.body);
    expect((await get('/v1/accounts/fees:card:usd')).body).toEqual(opened.body);
    const again = await open('fees:card:usd');
    expect([again.status, again.body.code]).toEqual([409, 'account_exists']);
  });

  it('accounts are listed by prefix, page by page', async () => {
    for (const name of ['b', 'a', 'c']) await open(`list:${name}`);
    const first = await get('/v1/accounts?prefix=list:&limit=2');
    const second = await get(`/v1/accounts?prefix=list:&limit=2&cursor=${encodeURIComponent(first.body.nextCursor)}`);
    const addresses = [...first.body.data, ...second.body.data].map(({ address }) => address);
    expect([addresses, second.body.nextCursor]).toEqual([['list:a', 'list:b', 'list:c'], null]);
  });

  it('accounts are for operators only', async () => {
    const answers = await Promise.all([
      get('/v1/accounts', alice.token),
      get('/v1/aggregate', alice.token),
      get(`/v1/accounts/${alice.wallet}`, alice.token),
      post('/v1/accounts', { address: 'mine', currency: 'USD' }, alice.token),
      post(`/v1/accounts/${alice.wallet}/limits`, { minimum: null }, alice.token),
      post(`/v1/accounts/${alice.wallet}/close`, {}, alice.token),
    ]);
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(answers.map(() => [403, 'forbidden']));
  });

  it.each([
    ['an address', { address: 'a::b' }, 'invalid_address'],
    ['a currency', { currency: 'XXQ' }, 'unknown_currency'],
    ['a limit', { minimum: 1 }, 'invalid_request'],
    ['limits that do not allow zero', { minimum: '1' }, 'invalid_request'],
    ['a type', { type: 'money' }, 'invalid_request'],
    ['a field', { status: 'open' }, 'invalid_request'],
  ])('accounts are not opened with %s that will not do', async (_, more, code) => {
    const { status, body } = await open('bad', more);
    expect([status >= 400 && status < 500, body.code]).toEqual([true, code]);
    expect((await get('/v1/accounts/bad')).status).toBe(404);
  });

  it('accounts are not found by what is no account', async () => {
    for (const id of [randomUUID(), 'nobody', '%00', 'users:']) {
      const { status, body } = await get(`/v1/accounts/${id}`);
      expect([status, body.code]).toEqual([404, 'account_not_found']);
    }
  });
});

describe('aggregate', () => {
  it('aggregate sums balances below a path, from the same numbers as the wallets', async () => {
    const bob = await registerUser(server.url, { balance: 250n });
    await deposit(server.url, bob.wallet, 1n);
    const one = await get(`/v1/aggregate?path=users:${bob.id}&depth=2`);
    expect(one.body.data).toEqual([
      {
        path: `users:${bob.id}`,
        currency: 'USD',
        type: 'liability',
        accounts: 1,
        debits: '0',
        credits: '251',
        posted: '251',
        pendingIn: '0',
        pendingOut: '0',
      },
    ]);
    const all = await get('/v1/aggregate');
    const [users, world] = ['users', 'world'].map((name) =>
      all.body.data.find(({ path }: { path: string }) => path === name),
    );
    expect([users.posted, users.accounts, world.posted]).toEqual(['5251', 2, '5251']);
  });

  it.each([
    ['path=users:', 'invalid_address'],
    ['depth=0', 'invalid_request'],
    ['depth=x', 'invalid_request'],
    ['type=money', 'invalid_request'],
    ['prefix=users', 'invalid_request'],
  ])('aggregate refuses ?%s', async (query, code) => {
    const { status, body } = await get(`/v1/aggregate?${query}`);
    expect([status, body.code]).toEqual([400, code]);
  });
});

describe('changes of an account', () => {
  it('changes of an account move its limits, but never past its balance, and record who and why', async () => {
    const path = `/v1/accounts/${alice.wallet}`;
    const lowered = await post(`${path}/limits`, { minimum: '-100', maximum: '6000', reason: 'case 7' });
    expect([lowered.status, lowered.body.available]).toEqual([200, '5100']);
    const broken = await post(`${path}/limits`, { maximum: '4999' });
    expect([broken.status, broken.body.code]).toEqual([422, 'limit_broken']);
    const nothing = await post(`${path}/limits`, { reason: 'none given' });
    expect([nothing.status, nothing.body.code]).toEqual([400, 'invalid_request']);
    expect((await get(path)).body).toMatchObject({ minimum: '-100', maximum: '6000' });
  });

  it('an empty account is closed permanently', async () => {
    await open('closing');
    const closed = await post('/v1/accounts/closing/close', { reason: 'done' });
    expect([closed.status, closed.body.status]).toEqual([200, 'closed']);
    const full = await post(`/v1/accounts/${alice.wallet}/close`);
    expect([full.status, full.body.code]).toEqual([422, 'account_not_empty']);
    const limits = await post('/v1/accounts/closing/limits', { minimum: null });
    expect([limits.status, limits.body.code]).toEqual([422, 'account_closed']);
  });
});
