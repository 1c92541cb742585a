import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer } from '../src/process/start-server.js';
import { call, deposit, registerUser } from './support/call.js';
import { runMain } from './support/run-main.js';
import { OPERATOR_KEY, testConfig } from './support/test-server.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('under load finishes what it has accepted, and loses nothing it has answered', async () => {
  const main = runMain({ DATABASE_URL: database.url, OPERATOR_API_KEY: OPERATOR_KEY });
  const url = await main.listening();
  const alice = await registerUser(url, { balance: 1_000_000n });
  const bob = await registerUser(url);
  const statuses: number[] = [];
  let refusedConnections = 0;
  let stopped = false;

  const client = async () => {
    while (!stopped) {
      await call(url, 'POST /v1/transfers', {
        token: alice.token,
        key: randomUUID(),
        body: { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' },
      }).then(
        ({ status }) => statuses.push(status),
        // A connection that was closed before it carried the request.
        () => {
          refusedConnections += 1;
          stopped = true;
        },
      );
    }
  };
  const clients = Array.from({ length: 16 }, client);
  await sleep(500);
  expect(await main.stop('SIGTERM')).toBe(0);
  stopped = true;
  await Promise.all(clients);

  expect(refusedConnections).toBeGreaterThan(0);
  expect(statuses.length).toBeGreaterThan(16);
  expect(statuses.filter((status) => status !== 201)).toEqual([]);
  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  const { rows } = await sql.query('select count(*)::int as transfers from micropay.transfers');
  await sql.end();
  // Each answer is in the journal, the deposit beside them; a request whose answer was cut off may be there too.
  expect(rows[0].transfers).toBeGreaterThanOrEqual(statuses.length + 1);
  expect(rows[0].transfers).toBeLessThanOrEqual(statuses.length + 1 + refusedConnections);
});

it('waits for a request that is still under way, and for no idle or silent connection', async () => {
  const server = await startServer(testConfig(database.url));
  const { hostname, port } = new URL(server.url);
  const silent = connect(Number(port), hostname);
  const slow = connect(Number(port), hostname);
  await call(server.url, 'GET /livez');
  const body = JSON.stringify({ email: 'a@example.com', password: 'wrong password' });
  slow.write(
    `POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  let answer = '';
  slow.on('data', (chunk) => {
    answer += chunk.toString();
  });
  await sleep(200);
  const startedAtMs = performance.now();
  const closed = server.close();
  await sleep(300);
  slow.write(body);
  await Promise.all([closed, once(slow, 'close')]);
  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  // A connection that it waited for would cost nine seconds.
  expect(performance.now() - startedAtMs).toBeLessThan(8_000);
  silent.destroy();
});

it('cuts off after ten seconds what does not finish', { timeout: 60_000 }, async () => {
  const server = await startServer(testConfig(database.url));
  const { hostname, port } = new URL(server.url);
  const stuck = connect(Number(port), hostname);
  stuck.on('error', () => undefined);
  stuck.write(
    'POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
  );
  await sleep(200);
  const startedAtMs = performance.now();
  await server.close();
  expect(performance.now() - startedAtMs).toBeGreaterThan(8_500);
});

it('ends in ten seconds, with a word and code 1, when the database hangs', { timeout: 60_000 }, async () => {
  const main = runMain({ DATABASE_URL: database.url, OPERATOR_API_KEY: OPERATOR_KEY });
  const url = await main.listening();
  const user = await registerUser(url, { balance: 1n });
  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  const { rows } = await sql.query<{ pid: number }>(
    'select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
  try {
    // Statements without an answer keep their connections, and those who wait for them.
    const lost = Promise.allSettled([
      deposit(url, user.wallet, 1n),
      call(url, 'POST /v1/auth/refresh', { body: { refreshToken: user.refreshToken } }),
    ]);
    await sleep(300);
    const startedAtMs = performance.now();
    expect(await main.stop('SIGTERM')).toBe(1);
    // Statements without an answer are given up after fifteen.
    expect(performance.now() - startedAtMs).toBeLessThan(14_000);
    await lost;
    expect(main.output().trim().split('\n').at(-1)).toMatch(
      /^database_unavailable: the database did not answer in time/,
    );
  } finally {
    for (const { pid } of rows) process.kill(pid, 'SIGCONT');
    await sql.end();
  }
});
