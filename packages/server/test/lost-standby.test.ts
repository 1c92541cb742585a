import { randomUUID } from 'node:crypto';
import { type LocalPostgres, startTemporaryPostgres } from '@micropay/local-postgres';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { call, registerUser, type TestUser } from './support/call.js';
import { readMetric } from './support/metrics.js';
import { testConfig } from './support/test-server.js';

let postgres: LocalPostgres;
let admin: pg.Client;
let server: RunningServer;
let users: readonly [TestUser, TestUser];

beforeAll(async () => {
  postgres = await startTemporaryPostgres({ durable: false });
  const url = await postgres.database('micropay');
  server = await startServer(testConfig(url));
  users = [await registerUser(server.url, { balance: 1_000n }), await registerUser(server.url)];
  admin = new pg.Client({ connectionString: url });
  await admin.connect();
});
afterAll(async () => {
  await setStandbys('');
  await admin.end();
  await server.close();
  postgres.stop();
});

/** Commits wait for these standbys; there is none. */
async function setStandbys(names: string): Promise<void> {
  await admin.query(`alter system set synchronous_standby_names = ${pg.escapeLiteral(names)}`);
  await admin.query('select pg_reload_conf()');
}

/** Statements and commits that wait for a standby. */
async function hanging(statement: string): Promise<number> {
  const { rows } = await admin.query<{ hanging: number }>(
    `select count(*)::int as hanging from pg_stat_activity where wait_event = 'SyncRep' and query like $1`,
    [statement],
  );
  return rows[0]?.hanging ?? 0;
}

function pay() {
  const [{ token, wallet: from }, { wallet: to }] = users;
  const body = { from, to, amount: '1', currency: 'USD' };
  return call(server.url, 'POST /v1/transfers', { token, key: randomUUID(), body });
}

it('readiness fails while commits wait for a synchronous standby that is lost, leaves none of its own behind, and comes back by itself', {
  timeout: 60_000,
}, async () => {
  const readiness = async () => (await call(server.url, 'GET /readyz')).status;
  expect(await readiness()).toBe(200);

  await setStandbys('lost');
  await expect.poll(readiness, { timeout: 10_000 }).toBe(503);
  const { body } = await call(server.url, 'GET /readyz');
  expect(body).toMatchObject({ code: 'database_unavailable', detail: expect.stringContaining('commit') });
  expect((await call(server.url, 'GET /livez')).status).toBe(200);
  // It asks again and again.
  for (let look = 0; look < 2; look += 1) expect(await readiness()).toBe(503);
  expect(await readMetric(server.url, 'micropay_ready')).toBe(0);
  await expect.poll(() => hanging('%pg_logical_emit_message%'), { timeout: 10_000 }).toBe(0);

  const paid = pay();
  await expect.poll(() => hanging('commit'), { timeout: 10_000 }).toBeGreaterThan(0);
  await setStandbys('');
  expect((await paid).status).toBe(201);
  await expect.poll(readiness, { timeout: 10_000 }).toBe(200);
  await expect.poll(() => readMetric(server.url, 'micropay_ready'), { timeout: 10_000 }).toBe(1);
});
