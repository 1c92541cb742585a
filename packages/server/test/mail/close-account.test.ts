import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningServer, startServer } from '../../src/process/start-server.js';
import { call, deposit, registerUser, type TestUser } from '../support/call.js';
import { type ServerWithMail, startServerWithMail } from '../support/server-with-mail.js';
import { OPERATOR_KEY, type TestServer, testConfig } from '../support/test-server.js';
import type { TestSmtp } from '../support/test-smtp.js';

let smtp: TestSmtp;
let server: TestServer;
let second: RunningServer;
let client: ServerWithMail['client'];
let stop: ServerWithMail['stop'];

beforeAll(async () => {
  ({ smtp, server, client, stop } = await startServerWithMail({ trustedProxies: 1 }));
  second = await startServer(testConfig(server.databaseUrl, { mail: smtp.settings }));
});
afterAll(async () => {
  await second?.close();
  await stop?.();
});

let addresses = 0;
const send = (target: string, token: string | undefined, body?: unknown) => {
  addresses += 1;
  const headers = { 'x-forwarded-for': `10.0.${addresses >> 8}.${addresses & 255}` };
  return call(server.url, target, { token, body, headers, key: randomUUID() });
};
const close = ({ token, password }: TestUser) => send('POST /v1/me/close', token, { password });
const login = ({ email, password }: TestUser) => send('POST /v1/auth/login', undefined, { email, password });
const pay = (from: TestUser, to: string, amount = '10') =>
  send('POST /v1/transfers', from.token, { from: from.wallet, to, amount, currency: 'USD' });
const statusOfWallet = async (id: string) => (await send(`GET /v1/accounts/${id}`, OPERATOR_KEY)).body.status;

/** Every row of the server's tables that holds this text. */
async function rowsWith(text: string): Promise<readonly string[]> {
  const { rows: tables } = await client.query(`select tablename from pg_tables where schemaname = 'micropay'`);
  const found: string[] = [];
  for (const { tablename } of tables) {
    const { rows } = await client.query(`select t::text as row from micropay.${tablename} t where t::text like $1`, [
      `%${text}%`,
    ]);
    found.push(...rows.map(({ row }) => `${tablename}: ${row}`));
  }
  return found;
}

async function closedEvents(userId: string) {
  const query = "select data from micropay.events where type = 'user.closed.v1' and subject = $1";
  return (await client.query(query, [userId])).rows;
}

describe('an account that its user closes', () => {
  it('an account that its user closes has no personal data left, and the journal stays', async () => {
    const shop = await registerUser(server.url);
    const name = `Alice ${randomUUID()}`;
    const email = `${randomUUID()}@example.com`;
    const password = 'correct horse battery';
    const { body } = await send('POST /v1/auth/register', undefined, { email, password, displayName: name });
    const user = {
      id: body.user.id,
      email,
      password,
      token: body.accessToken,
      refreshToken: body.refreshToken,
      wallet: body.wallet.id,
    };
    await deposit(server.url, user.wallet, 10n);
    const paid = await pay(user, shop.wallet);
    const spare = await send('POST /v1/wallets', user.token, { currency: 'EUR' });
    await send('POST /v1/auth/password-resets', undefined, { email });
    expect((await rowsWith(email)).length).toBeGreaterThan(0);
    expect((await close(user)).status).toBe(204);

    const notice = () => smtp.mails.find(({ to, subject }) => to === email && subject === 'Your account was closed');
    await vi.waitUntil(notice, { timeout: 5_000 });
    await vi.waitUntil(async () => (await rowsWith(email)).length === 0, { timeout: 5_000 });
    expect(await rowsWith(name)).toEqual([]);
    const { rows } = await client.query(
      'select network, device, revoked_at from micropay.sessions where user_id = $1',
      [user.id],
    );
    expect(rows).toEqual([{ network: null, device: null, revoked_at: expect.any(Date) }]);
    expect([await statusOfWallet(user.wallet), await statusOfWallet(spare.body.id)]).toEqual(['closed', 'closed']);
    expect(await closedEvents(user.id)).toEqual([{ data: { userId: user.id } }]);
    expect((await send(`GET /v1/transfers/${paid.body.id}`, shop.token)).body.amount).toBe('10');
    expect((await send('GET /v1/verify', OPERATOR_KEY)).body.ok).toBe(true);
  });

  it('an account that its user closes lets nobody in any more, in no process, and its email is free', async () => {
    const user = await registerUser(server.url);
    const elsewhere = (target: string, body?: unknown) => call(second.url, target, { token: user.token, body });
    expect((await elsewhere('GET /v1/me')).status).toBe(200);
    expect((await close(user)).status).toBe(204);
    // Before the other process knows that the session has ended.
    expect((await elsewhere('GET /v1/me')).status).toBe(401);
    expect((await elsewhere('POST /v1/wallets', { currency: 'EUR' })).status).toBe(401);
    expect((await send('GET /v1/wallets', user.token)).body.code).toBe('token_invalid');
    await vi.waitUntil(async () => (await elsewhere('GET /v1/wallets')).status === 401, { timeout: 5_000 });
    expect((await login(user)).body.code).toBe('invalid_credentials');
    const refreshed = await send('POST /v1/auth/refresh', undefined, { refreshToken: user.refreshToken });
    expect(refreshed.body.code).toBe('refresh_token_invalid');
    const again = await send('POST /v1/auth/register', undefined, { email: user.email, password: user.password });
    expect(again.status).toBe(201);
    expect(again.body.user.id).not.toBe(user.id);
  });

  it('an account that its user closes takes no payment any more', async () => {
    const [payer, user] = [await registerUser(server.url, { balance: 10n }), await registerUser(server.url)];
    await close(user);
    expect((await pay(payer, user.wallet)).body.code).toBe('counterparty_unavailable');
    expect((await pay(payer, user.email)).body.code).toBe('recipient_not_found');
  });
});

describe('an account stays as it is', () => {
  const refused = async (user: TestUser, code: string) => {
    expect((await close(user)).body.code).toBe(code);
    expect((await login(user)).status).toBe(200);
    expect((await send('GET /v1/me', user.token)).body.email).toBe(user.email);
    expect(await closedEvents(user.id)).toEqual([]);
  };

  it('an account stays as it is without the password', async () => {
    const user = await registerUser(server.url);
    expect((await close({ ...user, password: 'a wrong password' })).body.code).toBe('password_wrong');
    expect((await login(user)).status).toBe(200);
  });

  it('an account stays as it is while one of its wallets holds money, and no wallet is closed', async () => {
    const user = await registerUser(server.url);
    const { body: full } = await send('POST /v1/wallets', user.token, { currency: 'USD', name: 'savings' });
    await deposit(server.url, full.id, 1n);
    await refused(user, 'account_not_empty');
    expect([await statusOfWallet(user.wallet), await statusOfWallet(full.id)]).toEqual(['open', 'open']);
  });

  it('an account stays as it is while a hold is open', async () => {
    const [payer, user] = [await registerUser(server.url, { balance: 10n }), await registerUser(server.url)];
    const hold = { from: payer.wallet, to: user.wallet, amount: '10', currency: 'USD' };
    expect((await send('POST /v1/holds', payer.token, hold)).status).toBe(201);
    await refused(user, 'account_not_empty');
  });

  it('an account stays as it is while a wallet is frozen', async () => {
    const user = await registerUser(server.url);
    await send(`POST /v1/wallets/${user.wallet}/freeze`, OPERATOR_KEY, {});
    await refused(user, 'account_frozen');
    await send(`POST /v1/wallets/${user.wallet}/unfreeze`, OPERATOR_KEY);
    expect((await close(user)).status).toBe(204);
  });

  it('an account that is closed while it is paid and gets wallets has all of them closed and empty, or none', async () => {
    const payer = await registerUser(server.url, { balance: 100n });
    for (let round = 1; round <= 5; round += 1) {
      const user = await registerUser(server.url);
      const [closed] = await Promise.all([
        close(user),
        pay(payer, user.wallet, '1'),
        send('POST /v1/wallets', user.token, { currency: 'EUR' }),
        call(second.url, 'POST /v1/wallets', { token: user.token, body: { currency: 'JPY' } }),
      ]);
      const { rows } = await client.query(
        `select status, debits_posted = credits_posted as empty from micropay.balances
           join micropay.accounts on accounts.id = account_id where address like $1`,
        [`users:${user.id}:%`],
      );
      if (closed.status === 204)
        expect(new Set(rows.map((row) => JSON.stringify(row)))).toEqual(new Set(['{"status":"closed","empty":true}']));
      else
        expect([closed.body.code, rows.some(({ status }) => status === 'closed')]).toEqual([
          'account_not_empty',
          false,
        ]);
    }
  });
});

it('a login that is under way while the password changes begins no session', async () => {
  const user = await registerUser(server.url);
  const change = { currentPassword: user.password, newPassword: 'another correct horse battery' };
  await Promise.all([
    ...Array.from({ length: 4 }, () => login(user)),
    send('POST /v1/me/password', user.token, change),
  ]);
  const { body } = await send('GET /v1/me/sessions', user.token);
  expect(body.data.map(({ current }: { current: boolean }) => current)).toEqual([true]);
});
