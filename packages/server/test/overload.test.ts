import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerUser, type TestUser } from './support/call.js';
import { readMetric } from './support/metrics.js';
import { type MainProcess, runMain } from './support/run-main.js';
import { OPERATOR_KEY } from './support/test-server.js';

// More than the server can do: payments at one and a half times its capacity, and hundreds of sign-ins at once.

const isLong = process.env.MICROPAY_TEST_LONG === '1';
const CONNECTIONS = isLong ? 1_000 : 200;
const OVERLOAD_MS = isLong ? 60_000 : 3_000;
const SIGN_INS = isLong ? 600 : 150;
const SIGN_IN = '/v1/auth/login';
const CALLERS = 32;
const MEASURED_MS = 2_000;
const TICK_MS = 10;
const MEMORY_GROWTH_MAX = 64 * 1024 * 1024;
/** A short run is for a machine that is busy with other tests. */
const RECOVERED_MS = isLong ? 1_000 : 5_000;
const TEST_TIMEOUT_MS = 300_000;

interface Answer {
  readonly status: number;
  readonly durationMs: number;
}

interface Client {
  pay(): Promise<Answer>;
  signIn(index: number): Promise<Answer>;
  close(): void;
}

function createClient(url: string, [payer, payee]: readonly [TestUser, TestUser]): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const signInAgent = new Agent({ keepAlive: true, maxSockets: SIGN_INS });

  function post(path: string, headers: Record<string, string>, body: unknown): Promise<Answer> {
    const sentAtMs = performance.now();
    return new Promise((resolve, reject) => {
      const by = path === SIGN_IN ? signInAgent : agent;
      const options = { method: 'POST', agent: by, headers: { 'content-type': 'application/json', ...headers } };
      const sent = request(`${url}${path}`, options, (response) => {
        response.resume();
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, durationMs: performance.now() - sentAtMs }),
        );
      });
      sent.on('error', reject);
      sent.end(JSON.stringify(body));
    });
  }

  return {
    pay() {
      const body = { from: payer.wallet, to: payee.wallet, amount: '1', currency: 'USD' };
      return post('/v1/transfers', { authorization: `Bearer ${payer.token}`, 'idempotency-key': randomUUID() }, body);
    },
    // Each from a network of its own, so that it is not the limit of attempts that refuses.
    signIn: (index) =>
      post(
        SIGN_IN,
        { 'x-forwarded-for': `10.${Math.floor(index / 250)}.${index % 250}.1` },
        { email: `guessed-${index}@example.com`, password: 'a wrong password' },
      ),
    close() {
      agent.destroy();
      signInAgent.destroy();
    },
  };
}

/** Payments one after the other by some callers; returns their answers. */
async function payFor(client: Client, ms: number, callers: number): Promise<readonly Answer[]> {
  const untilMs = performance.now() + ms;
  const answers: Answer[] = [];
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < untilMs) answers.push(await client.pay());
    }),
  );
  return answers;
}

/** Payments at a rate, however long the answers take, on all connections that there are. */
async function payAtRate(client: Client, perSecond: number, ms: number): Promise<readonly Answer[]> {
  const startedAtMs = performance.now();
  const answers: Answer[] = [];
  const underWay = new Set<Promise<unknown>>();
  let sent = 0;
  for (let passedMs = 0; passedMs < ms; passedMs = performance.now() - startedAtMs) {
    const due = (passedMs / 1_000) * perSecond;
    for (; sent < due; sent += 1) {
      if (underWay.size >= CONNECTIONS) continue;
      const payment = client.pay().then((answer) => answers.push(answer));
      const tracked: Promise<unknown> = payment.finally(() => underWay.delete(tracked));
      underWay.add(tracked);
    }
    await delay(TICK_MS);
  }
  await Promise.all(underWay);
  return answers;
}

function p99(answers: readonly Answer[]): number {
  const sorted = answers.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  return sorted[Math.floor(0.99 * (sorted.length - 1))] ?? Number.NaN;
}

const statusesOf = (answers: readonly Answer[]) => [...new Set(answers.map(({ status }) => status))];

describe.each([1, 2])('with %i workers', (workers) => {
  let database: TestDatabase;
  let main: MainProcess;
  let url: string;
  let client: Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    main = runMain({
      DATABASE_URL: database.url,
      OPERATOR_API_KEY: OPERATOR_KEY,
      WORKERS: String(workers),
      TRUSTED_PROXIES: '1',
    });
    url = await main.listening();
    client = createClient(url, [await registerUser(url, { balance: 1_000_000_000n }), await registerUser(url)]);
    await payFor(client, MEASURED_MS, CALLERS);
  }, TEST_TIMEOUT_MS);
  afterAll(async () => {
    client?.close();
    await main?.stop('SIGKILL');
    await database?.drop();
  });

  const memory = async () => (await readMetric(url, 'process_resident_memory_bytes')) ?? Number.NaN;

  it(
    'a server that is asked for half as much again as it can do answers or refuses, and is itself again at once',
    async () => {
      const measured = await payFor(client, MEASURED_MS, CONNECTIONS);
      const capacity = measured.length / (MEASURED_MS / 1_000);
      await payAtRate(client, 1.5 * capacity, OVERLOAD_MS / 3);
      const memoryBefore = await memory();
      const answers = await payAtRate(client, 1.5 * capacity, OVERLOAD_MS);
      const endedAtMs = performance.now();
      expect((await client.pay()).status).toBe(201);
      const recoveredMs = performance.now() - endedAtMs;
      const growth = (await memory()) - memoryBefore;
      const figures = { workers, capacity, answers: answers.length, p99: p99(answers), recoveredMs, growth };
      if (isLong) console.log(JSON.stringify(figures));

      for (const status of statusesOf(answers)) expect([201, 429, 503]).toContain(status);
      // As long as it takes to answer all connections a few times over.
      expect(p99(answers)).toBeLessThan(1_000 + (5_000 * CONNECTIONS) / capacity);
      expect(recoveredMs).toBeLessThan(RECOVERED_MS);
      expect(growth).toBeLessThan(workers * MEMORY_GROWTH_MAX);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'payments go on while hundreds sign in at once, who are answered or told to come back',
    async () => {
      const before = await payFor(client, MEASURED_MS, 1);
      let isOver = false;
      const storm = Promise.all(Array.from({ length: SIGN_INS }, (_, index) => client.signIn(index))).finally(() => {
        isOver = true;
      });
      const during: Answer[] = [];
      while (!isOver) during.push(await client.pay());
      const figures = { workers, before: p99(before), during: p99(during), payments: during.length };
      if (isLong) console.log(JSON.stringify({ ...figures, signIns: statusesOf(await storm) }));
      for (const status of statusesOf(await storm)) expect([401, 503]).toContain(status);
      expect(statusesOf(during)).toEqual([201]);
    },
    TEST_TIMEOUT_MS,
  );
});
