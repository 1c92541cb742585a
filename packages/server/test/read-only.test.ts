import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, registerUser, type TestUser } from './support/call.js';
import { readMetric } from './support/metrics.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
let admin: pg.Client;
let database: string;
let users: readonly [TestUser, TestUser];

beforeAll(async () => {
  server = await startTestServer();
  users = [await registerUser(server.url, { balance: 1_000n }), await registerUser(server.url)];
  const url = new URL(server.databaseUrl);
  database = url.pathname.slice(1);
  url.pathname = '/postgres';
  admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
});
afterAll(async () => {
  await admin.end();
  await server.stop();
});

/** The setting counts for new sessions only, so the sessions that are there are ended. */
async function setReadOnly(value: 'on' | 'off'): Promise<void> {
  await admin.query(`alter database ${pg.escapeIdentifier(database)} set default_transaction_read_only = ${value}`);
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database]);
}

function pay() {
  const [{ token, wallet: from }, { wallet: to }] = users;
  return call(server.url, 'POST /v1/transfers', {
    token,
    key: randomUUID(),
    body: { from, to, amount: '1', currency: 'USD' },
  });
}

it('readiness fails while the database is set to read-only, and comes back by itself', async () => {
  const readiness = async () => (await call(server.url, 'GET /readyz')).status;
  expect(await readiness()).toBe(200);
  expect(await readMetric(server.url, 'micropay_ready')).toBe(1);
  await setReadOnly('on');
  await expect.poll(readiness).toBe(503);
  const { status, body } = await pay();
  expect([status, body.code]).toEqual([503, 'database_unavailable']);
  expect((await call(server.url, 'GET /livez')).status).toBe(200);
  expect(await readiness()).toBe(503);
  expect(await readMetric(server.url, 'micropay_ready')).toBe(0);
  await setReadOnly('off');
  await expect.poll(readiness).toBe(200);
  expect((await pay()).status).toBe(201);
});
