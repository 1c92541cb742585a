import { randomUUID } from 'node:crypto';
import { createTestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer } from '../src/process/start-server.js';
import { balanceOf, call, registerUser } from './support/call.js';
import { readMetric } from './support/metrics.js';
import { startTestServer, type TestServer, testConfig } from './support/test-server.js';

const ASYNC = { prefer: 'respond-async' };
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it('says where to ask for the outcome, and that the preference was heeded', async () => {
  const [alice, bob] = [await registerUser(server.url, { balance: 10n }), await registerUser(server.url)];
  const body = { from: alice.wallet, to: bob.email, amount: '4', currency: 'USD', metadata: { order: 1 } };
  const key = randomUUID();
  const post = { token: alice.token, key, body, headers: ASYNC };
  const { status, headers, body: request } = await call(server.url, 'POST /v1/transfers', post);
  expect(status).toBe(202);
  expect(headers.get('preference-applied')).toBe('respond-async');
  expect(headers.get('location')).toBe(`/v1/transfer-requests/${request.id}`);
  expect(request).toMatchObject({
    state: 'requested',
    from: alice.wallet,
    to: bob.wallet,
    amount: '4',
    settledAt: null,
  });
  const ask = async () => (await call(server.url, `GET ${headers.get('location')}`, { token: alice.token })).body;
  await expect.poll(async () => (await ask()).state, { timeout: 20_000 }).toBe('posted');
  expect(await balanceOf(server.url, bob)).toBe('4');
  const again = await call(server.url, 'POST /v1/transfers', post);
  expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
  expect(again.body).toEqual(await ask());
  const other = await call(server.url, 'POST /v1/transfers', { ...post, body: { ...body, amount: '5' } });
  expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
});

it('refuses at once what posting at once would refuse without a balance', async () => {
  const [alice, bob] = [await registerUser(server.url, { balance: 10n }), await registerUser(server.url)];
  const pay = { from: alice.wallet, to: bob.wallet, amount: '4', currency: 'USD' };
  const codeOf = async (body: object, options: object = {}) => {
    const given = { token: alice.token, key: randomUUID(), headers: ASYNC, body, ...options };
    return (await call(server.url, 'POST /v1/transfers', given)).body.code;
  };
  expect(await codeOf(pay, { key: undefined })).toBe('idempotency_key_required');
  expect(await codeOf(pay, { token: undefined })).toBe('authentication_required');
  expect(await codeOf({ ...pay, amount: '-1' })).toBe('invalid_amount');
  const tried = { token: alice.token, key: randomUUID(), headers: ASYNC, body: { ...pay, dryRun: true } };
  expect((await call(server.url, 'POST /v1/transfers', tried)).status).toBe(200);
  expect(await codeOf({ ...pay, from: bob.wallet })).toBe('account_not_found');
  expect(await codeOf({ ...pay, to: 'nobody@example.com' })).toBe('recipient_not_found');
});

it('shows how many are open and how old the oldest is, while somebody keeps their account', async () => {
  const [alice, bob] = [await registerUser(server.url, { balance: 10n }), await registerUser(server.url)];
  const open = () => readMetric(server.url, 'micropay_transfer_requests_open');
  const oldest = () => readMetric(server.url, 'micropay_transfer_requests_oldest_seconds');
  await expect.poll(open).toBe(0);
  expect(await oldest()).toBe(0);
  const holder = new pg.Client({ connectionString: server.databaseUrl });
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query('select from micropay.balances where account_id = $1 for update', [alice.wallet]);
    const body = { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' };
    for (let count = 0; count < 2; count += 1) {
      await call(server.url, 'POST /v1/transfers', { token: alice.token, key: randomUUID(), headers: ASYNC, body });
    }
    await expect.poll(open).toBe(2);
    await expect.poll(oldest).toBeGreaterThan(1);
    await holder.query('rollback');
    await expect.poll(open, { timeout: 30_000 }).toBe(0);
    await expect.poll(oldest).toBe(0);
  } finally {
    await holder.end();
  }
});

it('keeps what was accepted for the next server, and several work side by side', async () => {
  const database = await createTestDatabase();
  const first = await startServer(testConfig(database.url));
  const [alice, bob] = [await registerUser(first.url, { balance: 100n }), await registerUser(first.url)];
  const body = { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' };
  const locations = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const { headers } = await call(first.url, 'POST /v1/transfers', {
        token: alice.token,
        key: randomUUID(),
        body,
        headers: ASYNC,
      });
      return headers.get('location');
    }),
  );
  await first.close();
  const servers = [await startServer(testConfig(database.url)), await startServer(testConfig(database.url))];
  const url = servers[0]?.url ?? '';
  for (const location of locations) {
    await expect
      .poll(async () => (await call(url, `GET ${location}`, { token: alice.token })).body.state, { timeout: 20_000 })
      .toBe('posted');
  }
  expect(await balanceOf(url, bob)).toBe('40');
  await Promise.all(servers.map((one) => one.close()));
  await database.drop();
});
