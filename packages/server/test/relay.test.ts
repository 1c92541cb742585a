import { setTimeout as delay } from 'node:timers/promises';
import { deleteDeliveredEvents } from '@micropay/ledger-core';
import { requireKafka, startOwnKafka, testBrokers, uniqueName } from '@micropay/local-kafka/testing';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, registerUser } from './support/call.js';
import { readMetric, relayMetrics } from './support/metrics.js';
import { readTopics } from './support/read-topics.js';
import { type MainProcess, runMain, runRelayMain } from './support/run-main.js';
import { OPERATOR_KEY } from './support/test-server.js';

requireKafka();

const NO_BROKER = '127.0.0.1:1';
let database: TestDatabase;
let prefix: string;
let running: MainProcess[];

beforeEach(async () => {
  database = await createTestDatabase();
  prefix = uniqueName();
  running = [];
});
afterEach(async () => {
  for (const main of running) if (main.child.exitCode === null) await main.stop('SIGKILL');
  await database.drop();
});

async function environment(changes: Record<string, string> = {}) {
  return {
    DATABASE_URL: database.url,
    OPERATOR_API_KEY: OPERATOR_KEY,
    KAFKA_BROKERS: (await testBrokers()).join(','),
    KAFKA_TOPIC_PREFIX: prefix,
    KAFKA_PARTITIONS: '2',
    ...changes,
  };
}

async function start(changes?: Record<string, string>): Promise<MainProcess & { readonly url: string }> {
  const main = runMain(await environment(changes));
  running.push(main);
  return { ...main, url: await main.listening() };
}

async function relay(words: readonly string[], changes?: Record<string, string>): Promise<MainProcess> {
  const main = runRelayMain(words, await environment(changes));
  running.push(main);
  return main;
}

async function told(words: readonly string[]): Promise<string> {
  const main = await relay(words);
  expect([await main.ended(), main.output()]).toEqual([0, expect.any(String)]);
  return main.output().trim();
}

const lagOf = async (url: string) => (await relayMetrics(url)).lag_rows;

describe('the relay in the server', () => {
  it('the relay in the server delivers what is committed, and says how far it is', async () => {
    const { url, stop } = await start();
    const user = await registerUser(url, { balance: 500n });
    // The user, their wallet, the world's account, and a transfer with both balances.
    const events = await readTopics(await testBrokers(), prefix, (seen) => seen.length >= 6);
    const about = events.filter(({ subject }) => subject === user.wallet || subject === user.id);
    expect(about.map(({ topic, type }) => [topic, type]).sort()).toEqual([
      [`${prefix}.accounts`, 'account.opened.v1'],
      [`${prefix}.accounts`, 'balance.changed.v1'],
      [`${prefix}.users`, 'user.created.v1'],
    ]);
    await expect.poll(() => lagOf(url)).toBe(0);
    expect(await relayMetrics(url)).toMatchObject({
      lag_seconds: 0,
      leader: 1,
      paused: 0,
      held_up: 0,
      failures_total: 0,
    });
    expect(await relayMetrics(url)).toMatchObject({ delivered_events_total: 6 });
    expect(await stop('SIGTERM')).toBe(0);
  });

  it('the relay in the server shows how long a transaction has held events up', async () => {
    const { url } = await start();
    const client = new pg.Client({ connectionString: database.url, application_name: 'a "long" writer' });
    await client.connect();
    try {
      await client.query('begin');
      await client.query(`select pg_current_xact_id(), nextval('micropay.event_position')`);
      await registerUser(url);
      await expect.poll(async () => (await relayMetrics(url)).held_up).toBe(1);
      await expect.poll(() => readMetric(url, 'micropay_events_oldest_writer_seconds')).toBeGreaterThan(0);
      await client.query('rollback');
      await expect.poll(() => lagOf(url)).toBe(0);
    } finally {
      await client.end();
    }
  });

  it('the relay in the server waits for a broker that is away, and HTTP does not', async () => {
    const { url, stop } = await start({ KAFKA_BROKERS: NO_BROKER });
    await registerUser(url, { balance: 500n });
    await expect.poll(async () => (await relayMetrics(url)).failures_total).toBeGreaterThan(0);
    const { lag_rows, lag_seconds, leader } = await relayMetrics(url);
    expect([lag_rows, leader]).toEqual([4, 0]);
    expect(lag_seconds).toBeGreaterThan(0);
    expect(await stop('SIGTERM')).toBe(0);
  });

  it('the relay in the server is not started for a broker that takes too small messages', async () => {
    const kafka = await startOwnKafka({ messageBytesMax: 16 * 1024 });
    try {
      const main = runMain(await environment({ KAFKA_BROKERS: kafka.broker }));
      running.push(main);
      expect(await main.ended()).toBe(1);
      expect(main.output()).toMatch(
        /^broker_misconfigured: topic \S+ accepts at most 16384 bytes: set its max\.message\.bytes/m,
      );
    } finally {
      await kafka.stop();
    }
  });
});

describe('the relay as a process of its own', () => {
  it('the relay as a process of its own delivers what a server without one commits, until a signal ends it', async () => {
    const { url } = await start({ RELAY: 'off' });
    const user = await registerUser(url);
    expect(await relayMetrics(url)).toMatchObject({ lag_rows: 2, leader: 0, delivered_events_total: 0 });
    const own = await relay(['run']);
    await expect.poll(() => lagOf(url)).toBe(0);
    const events = await readTopics(await testBrokers(), prefix, (seen) => seen.length >= 2);
    expect(events.map(({ subject }) => subject).sort()).toEqual([user.id, user.wallet].sort());
    expect(own.output()).toMatch(/^The relay delivers events to /m);
    expect(await own.stop('SIGTERM')).toBe(0);
  });

  it('the relay as a process of its own is paused, resumed and put back by commands', async () => {
    const { url } = await start();
    await expect.poll(async () => (await relayMetrics(url)).leader).toBe(1);
    expect(await told(['pause'])).toMatch(/^Paused/);
    await registerUser(url);
    await delay(500);
    expect(JSON.parse(await told(['status', '--json']))).toMatchObject({
      rows: 2,
      paused: true,
      worst: { ledger: 'main', position: '0', rows: 2 },
    });
    expect(await relayMetrics(url)).toMatchObject({ paused: 1, lag_rows: 2 });
    expect(await told(['resume'])).toBe('Resumed.');
    await expect.poll(() => lagOf(url)).toBe(0);
    expect(await told(['replay', '0'])).toMatch(/^Everything of ledger "main" after position 0 /);
    const events = await readTopics(await testBrokers(), prefix, (seen) => seen.length >= 4);
    expect(events).toHaveLength(4);
    expect(new Set(events.map(({ id }) => id)).size).toBe(2);
    await expect.poll(() => lagOf(url)).toBe(0);
    await deleteDeliveredEvents({ database: database.url, before: new Date(Date.now() + 60_000), ageMinMs: 0 });
    expect(await told(['replay', '1'])).toMatch(/ again, but for events up to position 2 that were deleted\.$/);
  });

  it('the relay as a process of its own leaves no cursor behind when it only says how far it is', async () => {
    expect(JSON.parse(await told(['status', '--json']))).toEqual({ rows: 0, seconds: 0, paused: false, worst: null });
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    expect(
      (await client.query('select sink from micropay.event_sinks union all select sink from micropay.event_cursors'))
        .rows,
    ).toEqual([]);
    await client.end();
  });

  it('the relay as a process of its own explains itself without any setting', async () => {
    const main = await relay(['--help'], { DATABASE_URL: '' });
    expect(await main.ended()).toBe(0);
    expect(main.output()).toMatch(/^Usage: micropay relay/);
  });

  it.each([
    [
      ['dance'],
      { DATABASE_URL: '' },
      2,
      /^usage: there is no action "dance": it is one of run, .*; see micropay relay --help\n$/,
    ],
    [['resum'], {}, 2, /^usage: there is no action "resum": did you mean resume\?/],
    [['--versoin'], {}, 2, /^usage: there is no option "--versoin": did you mean --version\?/],
    [['replay'], {}, 2, /^usage: replay takes one position/],
    [['pause', 'now'], {}, 2, /^usage: pause takes no further words/],
    [['replay', '-1'], {}, 2, /^usage: there is no option "-1"/],
    [['replay', 'x'], { DATABASE_URL: '' }, 2, /^usage: a position is a whole number.*; see micropay relay --help\n$/],
    [['replay', '7'], {}, 2, /^invalid_request: there is no ledger main/],
    [['run'], { KAFKA_BROKERS: '' }, 2, /^invalid_configuration: KAFKA_BROKERS is missing/],
    [['status'], { DATABASE_URL: 'postgres://u@127.0.0.1:1/x' }, 1, /^database_unavailable: /],
  ] as const)('the relay as a process of its own refuses %j with %j', async (words, changes, code, output) => {
    const main = await relay(words, changes);
    expect(await main.ended()).toBe(code);
    expect(main.output()).toMatch(output);
  });
});

it('a relay delivers once what two servers commit: one of them leads', async () => {
  const [one, other] = [await start(), await start()];
  const users = [await registerUser(one.url), await registerUser(other.url)];
  const events = await readTopics(await testBrokers(), prefix, (seen) => seen.length >= 4);
  expect(
    events
      .filter(({ type }) => type === 'user.created.v1')
      .map(({ subject }) => subject)
      .sort(),
  ).toEqual(users.map(({ id }) => id).sort());
  const leaders = [(await relayMetrics(one.url)).leader, (await relayMetrics(other.url)).leader];
  expect(leaders.sort()).toEqual([0, 1]);
  expect((await call(one.url, 'GET /livez')).status).toBe(200);
});
