import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceOf, call, deposit, registerUser, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  [server, alice, bob] = await startServerWithUsers(1_000n, 1_000n);
});
afterAll(() => server.stop());

function operate(target: string, body?: unknown, key: string = randomUUID()) {
  return call(server.url, target, { token: OPERATOR_KEY, key, body });
}

describe('deposits and withdrawals', () => {
  it('deposits and withdrawals move money between the world and a wallet, and show both balances', async () => {
    const user = await registerUser(server.url);
    const world = BigInt((await deposit(server.url, user.wallet, 10n)).body.fromBalance);
    const brought = await operate('POST /v1/deposits', { wallet: user.wallet, amount: '500', currency: 'USD' });
    expect(brought.status).toBe(201);
    expect(brought.body).toMatchObject({ to: user.wallet, toBalance: '510', fromBalance: String(world + 500n) });
    const taken = await operate('POST /v1/withdrawals', { wallet: user.wallet, amount: '200', currency: 'USD' });
    expect(taken.body).toMatchObject({ from: user.wallet, fromBalance: '310', toBalance: String(world + 300n) });
    expect(taken.body.to).toBe(brought.body.from);
  });

  it('concurrent first deposits open the account of the world once', async () => {
    const wallets = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const { token } = await registerUser(server.url);
        return (await call(server.url, 'POST /v1/wallets', { token, body: { currency: 'SEK' } })).body.id;
      }),
    );
    const replies = await Promise.all(wallets.map((wallet) => deposit(server.url, wallet, 5n, 'SEK')));
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(new Set(replies.map(({ body }) => body.from)).size).toBe(1);
  });

  it('deposits and withdrawals are posted once for one key', async () => {
    const key = randomUUID();
    const cash = { wallet: alice.wallet, amount: '5', currency: 'USD' };
    const first = await operate('POST /v1/deposits', cash, key);
    const again = await operate('POST /v1/deposits', cash, key);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    const other = await operate('POST /v1/withdrawals', cash, key);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('deposits and withdrawals cannot take what is not there', async () => {
    const { status, body } = await operate('POST /v1/withdrawals', {
      wallet: bob.wallet,
      amount: '99999999',
      currency: 'USD',
    });
    expect([status, body.code]).toEqual([422, 'insufficient_funds']);
  });

  it('deposits and withdrawals keep to the currency of the wallet', async () => {
    const { status, body } = await deposit(server.url, bob.wallet, 5n, 'NOK');
    expect([status, body.code]).toEqual([422, 'currency_mismatch']);
  });
});

describe('freezing', () => {
  const freeze = (side?: string) => operate(`POST /v1/wallets/${alice.wallet}/freeze`, side ? { side } : {});
  const unfreeze = () => operate(`POST /v1/wallets/${alice.wallet}/unfreeze`);
  const pay = (from: TestUser, to: TestUser) =>
    call(server.url, 'POST /v1/transfers', {
      token: from.token,
      key: randomUUID(),
      body: { from: from.wallet, to: to.wallet, amount: '1', currency: 'USD' },
    });

  it.each([
    ['both', undefined, 'frozen', 'account_frozen', 'counterparty_unavailable'],
    ['debits', 'debits', 'frozen_debits', 'account_frozen', undefined],
    ['credits', 'credits', 'frozen_credits', undefined, 'counterparty_unavailable'],
  ])('freezing stops %s', async (_name, side, status, debit, credit) => {
    expect((await freeze(side)).body.status).toBe(status);
    const replies = [await pay(alice, bob), await pay(bob, alice)];
    expect(replies.map((reply) => reply.body.code)).toEqual([debit, credit]);
    expect(replies.map((reply) => reply.status)).toEqual([debit, credit].map((code) => (code ? 422 : 201)));
    expect((await unfreeze()).body.status).toBe('open');
    expect((await pay(alice, bob)).status).toBe(201);
  });

  it('freezing needs a wallet that is there', async () => {
    const { status, body } = await operate(`POST /v1/wallets/${randomUUID()}/freeze`, {});
    expect([status, body.code]).toEqual([404, 'account_not_found']);
  });
});

describe('verification', () => {
  it('verification is clean, and names what was changed behind the ledger', async () => {
    const clean = await operate('GET /v1/verify');
    expect(clean.status).toBe(200);
    expect(clean.body).toMatchObject({ ok: true, problems: [], problemsFound: 0 });
    const client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    await client.query('update micropay.balances set credits_posted = credits_posted + 1 where account_id = $1', [
      bob.wallet,
    ]);
    const { body } = await operate('GET /v1/verify');
    await client.query('update micropay.balances set credits_posted = credits_posted - 1 where account_id = $1', [
      bob.wallet,
    ]);
    await client.end();
    expect(body.ok).toBe(false);
    expect(body.problems[0]).toMatchObject({ accountId: bob.wallet });
  });
});

describe('metrics', () => {
  it('metrics are for operators, and count what was asked', async () => {
    const scrape = async (token: string) =>
      fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    expect((await scrape(alice.token)).status).toBe(403);
    const text = await (await scrape(OPERATOR_KEY)).text();
    expect(text).toMatch(/^micropay_http_requests_total\{operation="register",status="201"\} [1-9]/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  });
});

describe('who may do what', () => {
  const cash = { wallet: '', amount: '1', currency: 'USD' };

  it.each([
    ['POST /v1/deposits', cash],
    ['POST /v1/withdrawals', cash],
    ['POST /v1/wallets/{wallet}/freeze', {}],
    ['POST /v1/wallets/{wallet}/unfreeze', undefined],
    ['GET /v1/verify', undefined],
  ])('%s is not for users', async (target, body) => {
    const before = await balanceOf(server.url, bob);
    const { status, body: answer } = await call(server.url, target.replace('{wallet}', bob.wallet), {
      token: bob.token,
      key: randomUUID(),
      body: body && { ...body, ...('wallet' in body ? { wallet: bob.wallet } : {}) },
    });
    expect([status, answer.code]).toEqual([403, 'forbidden']);
    expect(await balanceOf(server.url, bob)).toBe(before);
  });

  it.each([
    ['GET /v1/me', undefined],
    ['GET /v1/wallets', undefined],
    ['POST /v1/wallets', { currency: 'USD' }],
    ['POST /v1/payouts', { from: randomUUID(), amount: '1', currency: 'USD', destination: { iban: 'DE00' } }],
  ])('%s is not for operators', async (target, body) => {
    const { status, body: answer } = await operate(target, body);
    expect([status, answer.code]).toEqual([403, 'forbidden']);
  });

  it('a wrong operator key is refused as a token', async () => {
    const { status, body } = await call(server.url, 'GET /v1/verify', { token: `${OPERATOR_KEY}x` });
    expect([status, body.code]).toEqual([401, 'token_invalid']);
  });

  it('a revoked operator key counts no more within five seconds', async () => {
    const client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    await client.query('update micropay.api_keys set revoked_at = now()');
    await expect.poll(async () => (await operate('GET /v1/verify')).status, { timeout: 5_000 }).toBe(401);
    await client.query('update micropay.api_keys set revoked_at = null');
    await client.end();
    await expect.poll(async () => (await operate('GET /v1/verify')).status, { timeout: 5_000 }).toBe(200);
  });
});
