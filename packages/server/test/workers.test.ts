import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call, registerUser } from './support/call.js';
import { startPayments } from './support/payments.js';
import { randomNumbers } from './support/random.js';
import { type MainProcess, runMain } from './support/run-main.js';
import { OPERATOR_KEY } from './support/test-server.js';

const isLong = process.env.MICROPAY_TEST_LONG === '1';
const running: MainProcess[] = [];
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
afterEach(async () => {
  for (const main of running.splice(0)) if (main.child.exitCode === null) await main.stop('SIGKILL');
});

function start(environment: Record<string, string> = {}): MainProcess {
  const main = runMain({
    DATABASE_URL: database.url,
    OPERATOR_API_KEY: OPERATOR_KEY,
    WORKERS: '2',
    ...environment,
  });
  running.push(main);
  return main;
}

/** The process ids of the workers that have answered a request, by their numbers. */
function workersIn(output: string): ReadonlyMap<number, number> {
  const lines = output.split('\n').filter((line) => line.startsWith('{') && line.includes('"operation"'));
  const logged = lines.map((line) => JSON.parse(line) as { pid: number; worker?: number });
  return new Map(logged.flatMap(({ pid, worker }) => (worker === undefined ? [] : [[worker, pid]])));
}

/** Asks on connections of their own until so many workers have answered; returns their process ids. */
async function reachWorkers(main: MainProcess, url: string, isReached: (pids: readonly number[]) => boolean) {
  const read = () => [...workersIn(main.output()).values()];
  await expect
    .poll(
      async () => {
        // A worker that is killed meanwhile does not answer.
        await call(url, 'GET /livez', { headers: { connection: 'close' } }).catch(() => undefined);
        return isReached(read());
      },
      { timeout: 20_000 },
    )
    .toBe(true);
  return read();
}

describe('WORKERS=2', () => {
  let empty: TestDatabase;
  let main: MainProcess;
  let url: string;
  let key: string;
  const apart = { connection: 'close' };

  beforeAll(async () => {
    empty = await createEmptyDatabase();
    main = runMain({ DATABASE_URL: empty.url, WORKERS: '2', LOG_LEVEL: 'debug' });
    url = await main.listening();
  });
  afterAll(async () => {
    await main?.stop('SIGKILL');
    await empty?.drop();
  });

  it('WORKERS=2 makes the operator key once, and it opens both workers from the start', async () => {
    const keys = [...main.output().matchAll(/Operator key, shown this once: (mpk_\S+)/g)].map(([, shown]) => shown);
    expect(keys).toHaveLength(1);
    [key = ''] = keys;
    const requests = Array.from({ length: 6 }, () => call(url, 'GET /v1/verify', { token: key, headers: apart }));
    expect(new Set((await Promise.all(requests)).map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('WORKERS=2 serves by two processes on one port, and the log names the worker of each line', async () => {
    const pids = await reachWorkers(main, url, ({ length }) => length === 2);
    expect(new Set([...pids, main.child.pid]).size).toBe(3);
    expect([...workersIn(main.output()).keys()].sort()).toEqual([1, 2]);
  });

  it('WORKERS=2 answers a scrape for both workers, keeps the counts of one that has ended, and counts that it was replaced', async () => {
    const scrape = async () =>
      (await fetch(`${url}/metrics`, { headers: { ...apart, authorization: `Bearer ${key}` } })).text();
    const counted = (text: string) =>
      Number(/^micropay_http_requests_total\{operation="livez",status="200"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    for (let request = 0; request < 20; request += 1) await call(url, 'GET /livez', { headers: apart });
    const [pid = 0] = await reachWorkers(main, url, ({ length }) => length === 2);
    const before = await scrape();
    expect(counted(before)).toBeGreaterThanOrEqual(20);
    // The same of each process, so not their sum.
    expect(before).toMatch(/^nodejs_version_info\{.+\} 1$/m);
    expect(before).toMatch(/^process_start_time_seconds \d+$/m);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => main.output()).toContain('a worker ended and is replaced');
    const after = await scrape();
    expect(counted(after)).toBeGreaterThanOrEqual(counted(before));
    expect([before, after].map((text) => /^micropay_worker_restarts_total (\d+)$/m.exec(text)?.[1])).toEqual([
      '0',
      '1',
    ]);
  });

  it('WORKERS=2 ends both workers at SIGTERM under load, when they have finished what they accepted', async () => {
    await reachWorkers(main, url, ({ length }) => length === 2);
    const [alice, bob] = [await registerUser(url), await registerUser(url)];
    const deposit = { wallet: alice.wallet, amount: '1000000', currency: 'USD' };
    await call(url, 'POST /v1/deposits', { token: key, key: randomUUID(), body: deposit });
    const statuses: number[] = [];
    const clients = Array.from({ length: 16 }, async () => {
      for (;;) {
        const body = { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' };
        // Undefined for a connection that was closed before it carried the request.
        const reply = await call(url, 'POST /v1/transfers', { token: alice.token, key: randomUUID(), body }).catch(
          () => undefined,
        );
        if (reply === undefined) return;
        statuses.push(reply.status);
      }
    });
    await expect.poll(() => statuses.length, { timeout: 20_000 }).toBeGreaterThan(clients.length);
    expect(await main.stop('SIGTERM')).toBe(0);
    await Promise.all(clients);
    expect(new Set(statuses)).toEqual(new Set([201]));
  });
});

it('WORKERS=2 makes partitions also when its first worker was replaced', async () => {
  const own = await createTestDatabase();
  const main = start({ DATABASE_URL: own.url, LOG_LEVEL: 'debug' });
  const url = await main.listening();
  await reachWorkers(main, url, ({ length }) => length === 2);
  const first = workersIn(main.output()).get(1) ?? 0;
  const client = new pg.Client({ connectionString: own.url });
  await client.connect();
  await client.query(`select setval('micropay.event_position', 60000000)`);
  process.kill(first, 'SIGKILL');
  const partitions = async () =>
    (await client.query(`select 1 from pg_inherits where inhparent = 'micropay.transfers'::regclass`)).rows.length;
  const before = await partitions();
  await expect.poll(partitions, { timeout: 20_000 }).toBe(before + 1);
  await client.end();
  await main.stop();
  await own.drop();
});

it('WORKERS=2 ends with the reason of the first worker when it cannot start', async () => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as { port: number };
  const main = start({ PORT: String(port) });
  expect(await main.ended()).toBe(1);
  expect(main.output().match(/^port_in_use: port \d+ is in use/gm)).toHaveLength(1);
  occupant.close();
});

it('WORKERS=2 ends with workers_failing when workers end at each start', { timeout: 120_000 }, async () => {
  const own = await createTestDatabase();
  const main = start({ DATABASE_URL: own.url, LOG_LEVEL: 'debug' });
  const url = await main.listening();
  const pids = await reachWorkers(main, url, ({ length }) => length === 2);
  // A release that came later, and that this one cannot work with.
  const client = new pg.Client({ connectionString: own.url });
  await client.connect();
  await client.query(
    `insert into micropay.migrations (component, name, old_code_may_run) values ('server', '9999-later.sql', false)`,
  );
  await client.end();
  process.kill(pids[0] ?? 0, 'SIGKILL');
  expect(await main.ended()).toBe(1);
  expect(main.output()).toMatch(/^workers_failing: workers keep ending soon after they start/m);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  await own.drop();
});

it('workers killed with -9 under load are replaced, and no payment is lost or made twice', {
  timeout: isLong ? 900_000 : 180_000,
}, async () => {
  const kills = isLong ? 24 : 3;
  const pauseMs = isLong ? 5_000 : 2_000;
  const main = start({ LOG_LEVEL: 'debug' });
  const url = await main.listening();
  const users = await Promise.all(Array.from({ length: 4 }, () => registerUser(url, { balance: 1_000_000n })));
  const payments = startPayments({ url, users, perSecond: 100, random: randomNumbers(7), name: randomUUID() });
  const killed = new Set<number>();
  for (let kill = 0; kill < kills; kill += 1) {
    const alive = (pids: readonly number[]) => pids.filter((pid) => !killed.has(pid));
    const pids = await reachWorkers(main, url, (reached) => alive(reached).length === 2);
    const [victim = 0] = alive(pids);
    killed.add(victim);
    process.kill(victim, 'SIGKILL');
    await sleep(pauseMs);
  }
  // Throws for an answer that is no success and that a client may not repeat.
  await payments.stop();
  expect(payments.acknowledged.size).toBe(payments.begun);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ id: string }>(
    `select t.id from micropay.transfers t join micropay.accounts f on f.id = t.from_account
     where f.address like any ($1)`,
    [users.map(({ id }) => `users:${id}:%`)],
  );
  await client.end();
  expect(rows.map(({ id }) => id).sort()).toEqual([...payments.acknowledged.values()].sort());
  const { body } = await call(url, 'GET /v1/verify', { token: OPERATOR_KEY });
  expect(body).toMatchObject({ ok: true, problems: [] });
  expect(await main.stop()).toBe(0);
});
