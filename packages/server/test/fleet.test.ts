import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { applyMigrations, type Migration } from '@micropay/ledger-core';
import { requireKafka, testBrokers, uniqueName } from '@micropay/local-kafka/testing';
import {
  type DatabaseProxy,
  type LocalPostgres,
  type LocalReplica,
  startDatabaseProxy,
  startReplica,
  startTemporaryPostgres,
} from '@micropay/local-postgres';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, registerUser, type TestUser } from './support/call.js';
import { checkDelivered, expectedEvents } from './support/delivered-events.js';
import { relayMetrics } from './support/metrics.js';
import { type Payments, startPayments } from './support/payments.js';
import { randomNumbers } from './support/random.js';
import { type MainProcess, runMain } from './support/run-main.js';
import { OPERATOR_KEY } from './support/test-server.js';

// An upgrade of two servers under load, and a failover behind it: the next release's tables, both servers one after the other,
// the database. Clients see nothing but answers that ask them to try again.

requireKafka();

const isLong = process.env.MICROPAY_TEST_LONG === '1';
const PAUSE_MS = isLong ? 20_000 : 500;
const PAYMENTS_PER_SECOND = isLong ? 100 : 25;
const USERS = 4;
const OPENING_BALANCE = 1_000_000n;
const PROMPT_MS = 60_000;
const TEST_TIMEOUT_MS = 600_000;

/** What a later release may do to tables in use, in a migration that says that this release may run beside it. */
const NEXT: Readonly<Record<string, string>> = {
  'ledger-core': `alter table transfers add column note text;
    alter table holds add column note text;`,
  server: 'alter table users add column nickname text;',
};

let primary: LocalPostgres;
let replica: LocalReplica;
let proxy: DatabaseProxy;
let brokers: readonly string[];
let servers: MainProcess[] = [];
let urls: readonly string[];
const topicPrefix = uniqueName();

beforeAll(async () => {
  brokers = await testBrokers();
  primary = await startTemporaryPostgres({ durable: false });
  const database = await primary.database('micropay');
  replica = await startReplica(primary, { synchronous: true });
  proxy = await startDatabaseProxy(database);
  servers = [startServer('0'), startServer('0')];
  urls = await Promise.all(servers.map((server) => server.listening()));
}, TEST_TIMEOUT_MS);
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop('SIGKILL')));
  await proxy?.close();
  replica?.stop();
  primary?.stop();
}, TEST_TIMEOUT_MS);

function startServer(port: string): MainProcess {
  return runMain({
    DATABASE_URL: proxy.url,
    OPERATOR_API_KEY: OPERATOR_KEY,
    PORT: port,
    KAFKA_BROKERS: brokers.join(','),
    KAFKA_TOPIC_PREFIX: topicPrefix,
  });
}

async function applyNext(component: string, folder: string): Promise<void> {
  const path = new URL(`../../${folder}/migrations/`, import.meta.url);
  const names = (await readdir(path)).filter((name) => name.endsWith('.sql')).sort();
  const known = await Promise.all(
    names.map(async (name): Promise<Migration> => ({ name, sql: await readFile(new URL(name, path), 'utf8') })),
  );
  const next = { name: '9999-next.sql', sql: `-- Old code may run beside it: yes\n${NEXT[component]}` };
  const options = { database: proxy.url, component, migrations: [...known, next], phase: 'before' as const };
  expect(await applyMigrations(options)).toEqual([next.name]);
}

/** Stops a server, as a rolling update does, and starts another in its place. */
async function replaceServer(index: number): Promise<void> {
  const { port } = new URL(urls[index] ?? '');
  expect(await servers[index]?.stop('SIGTERM')).toBe(0);
  servers[index] = startServer(port);
  expect(await servers[index]?.listening()).toBe(urls[index]);
}

/** The old primary takes no more writes, the standby becomes the primary, and new connections go there. */
async function failOver(): Promise<void> {
  await query(primary.url, 'alter system set default_transaction_read_only = on');
  await query(primary.url, 'select pg_reload_conf()');
  await replica.promote();
  proxy.switchTo(await replica.database('micropay'));
}

async function query(url: string, text: string, values: unknown[] = []): Promise<readonly Record<string, string>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Waits until some more payments have been answered at each server. */
async function untilPaid(payments: readonly Payments[]): Promise<void> {
  const before = payments.map(({ acknowledged }) => acknowledged.size);
  const isPaid = () => payments.every(({ acknowledged }, index) => acknowledged.size > (before[index] ?? 0) + 5);
  await expect.poll(isPaid, { timeout: PROMPT_MS }).toBe(true);
  await delay(PAUSE_MS);
}

function payAt(url: string, users: readonly TestUser[], name: string): Payments {
  return startPayments({ url, users, perSecond: PAYMENTS_PER_SECOND, random: randomNumbers(name.length), name });
}

it('two servers lose no payment and make none twice while the tables change, each server is replaced and the database fails over', {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  const [first = '', second = ''] = urls;
  const users = await Promise.all(
    Array.from({ length: USERS }, () => registerUser(first, { balance: OPENING_BALANCE })),
  );
  const payments = [payAt(first, users, 'at-one'), payAt(second, users, 'at-the-other')];
  await untilPaid(payments);

  await applyNext('ledger-core', 'ledger-core');
  await applyNext('server', 'server');
  await untilPaid(payments);

  for (const index of servers.keys()) {
    await replaceServer(index);
    await untilPaid(payments);
  }
  await failOver();
  await untilPaid(payments);
  // Throws for an answer that does not ask to try again.
  for (const each of payments) await each.stop();

  const database = await replica.database('micropay');
  const transfers = await query(
    database,
    `select t.id from micropay.transfers t join micropay.accounts f on f.id = t.from_account where f.address like any ($1)`,
    [users.map(({ id }) => `users:${id}:%`)],
  );
  const acknowledged = payments.flatMap((each) => [...each.acknowledged.values()]);
  expect(acknowledged).toHaveLength(payments.reduce((sum, { begun }) => sum + begun, 0));
  expect(transfers.map(({ id }) => id).sort()).toEqual(acknowledged.sort());
  const { body } = await call(second, 'GET /v1/verify', { token: OPERATOR_KEY });
  expect(body).toMatchObject({ ok: true, problems: [] });

  await expect.poll(async () => (await relayMetrics(first)).lag_rows, { timeout: PROMPT_MS }).toBe(0);
  const pool = new pg.Pool({ connectionString: database, max: 1 });
  const expected = await expectedEvents(pool);
  await pool.end();
  const { faults } = await checkDelivered(brokers, topicPrefix, expected);
  expect(faults).toEqual([]);
});
