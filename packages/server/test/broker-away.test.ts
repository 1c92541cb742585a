import { setTimeout as delay } from 'node:timers/promises';
import type { LocalKafka } from '@micropay/local-kafka';
import { requireKafka, startOwnKafka } from '@micropay/local-kafka/testing';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, registerUser } from './support/call.js';
import { checkDelivered, expectedEvents } from './support/delivered-events.js';
import { relayMetrics } from './support/metrics.js';
import { type Payments, startPayments } from './support/payments.js';
import { randomNumbers } from './support/random.js';
import { type MainProcess, runMain } from './support/run-main.js';
import { OPERATOR_KEY } from './support/test-server.js';

// The broker is away under load: half of the time it hangs with its connections open, then it is dead.

requireKafka({ own: true });

const isLong = process.env.MICROPAY_TEST_LONG === '1';
const AWAY_MS = isLong ? 120_000 : 8_000;
const BEFORE_MS = isLong ? 30_000 : 2_000;
const SAMPLE_MS = 1_000;
const PAYMENTS_PER_SECOND = 100;
const USERS = 8;
const OPENING_BALANCE = 1_000_000n;
const TOPIC_PREFIX = 'away';
const CATCH_UP_MS = 120_000;
const TEST_TIMEOUT_MS = 600_000;

let kafka: LocalKafka;
let database: TestDatabase;
let server: MainProcess;
let url: string;

beforeAll(async () => {
  kafka = await startOwnKafka();
  database = await createTestDatabase();
  server = runMain({
    DATABASE_URL: database.url,
    OPERATOR_API_KEY: OPERATOR_KEY,
    KAFKA_BROKERS: kafka.broker,
    KAFKA_TOPIC_PREFIX: TOPIC_PREFIX,
    LOG_LEVEL: 'silent',
  });
  url = await server.listening();
}, TEST_TIMEOUT_MS);
afterAll(async () => {
  await server?.stop('SIGKILL');
  await database?.drop();
  await kafka?.stop();
}, TEST_TIMEOUT_MS);

/** The lag that the metrics report at one moment. */
interface Lag {
  readonly rows: number;
  readonly seconds: number;
}

async function readLag(): Promise<Lag> {
  const { lag_rows: rows = Number.NaN, lag_seconds: seconds = Number.NaN } = await relayMetrics(url);
  return { rows, seconds };
}

const untilDrained = () =>
  expect.poll(async () => (await readLag()).rows, { timeout: CATCH_UP_MS, interval: 250 }).toBe(0);

/** Looks again and again; the service is ready at every look. */
async function watch(forMs: number): Promise<readonly Lag[]> {
  const lags: Lag[] = [];
  for (const untilMs = Date.now() + forMs; Date.now() < untilMs; ) {
    await delay(SAMPLE_MS);
    expect((await call(url, 'GET /readyz')).status).toBe(200);
    lags.push(await readLag());
  }
  return lags;
}

/** Durations of the payments that were answered while the work was done. */
async function durationsDuring(payments: Payments, work: () => Promise<unknown>): Promise<readonly number[]> {
  const first = payments.durationsMs.length;
  await work();
  return payments.durationsMs.slice(first).sort((a, b) => a - b);
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN;
}

it(
  `posts every payment while the broker is away for ${AWAY_MS / 1_000} s, shows the lag, and drains it after`,
  async () => {
    const random = randomNumbers(1);
    const users = await Promise.all(
      Array.from({ length: USERS }, () => registerUser(url, { balance: OPENING_BALANCE })),
    );
    const payments = startPayments({ url, users, perSecond: PAYMENTS_PER_SECOND, random });
    await durationsDuring(payments, () => delay(BEFORE_MS / 2));
    const before = await durationsDuring(payments, () => watch(BEFORE_MS));
    const lags: Lag[] = [];
    const during = await durationsDuring(payments, async () => {
      kafka.hang();
      lags.push(...(await watch(AWAY_MS / 2)));
      await kafka.kill();
      lags.push(...(await watch(AWAY_MS / 2)));
    });
    await kafka.restart();
    const backAtMs = Date.now();
    await payments.stop();
    await untilDrained();
    const drainedAfterMs = Date.now() - backAtMs;

    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    const expected = await expectedEvents(pool).finally(() => pool.end());
    const delivered = await checkDelivered([kafka.broker], TOPIC_PREFIX, expected);

    const half = lags[Math.floor(lags.length / 2)];
    const last = lags.at(-1);
    const say = (durations: readonly number[]) =>
      `${durations.length} (median ${quantile(durations, 0.5).toFixed(1)}, p99 ${quantile(durations, 0.99).toFixed(1)}, longest ` +
      `${quantile(durations, 1).toFixed(1)} ms)`;
    console.log(
      `payments before: ${say(before)}; while the broker was away: ${say(during)}; lag at the end ${last?.rows} rows and ` +
        `${last?.seconds.toFixed(1)} s; drained ${(drainedAfterMs / 1_000).toFixed(1)} s after the broker served again; ` +
        `${expected.size} events, ${delivered.repeats} of them came twice`,
    );

    // HTTP did not notice.
    expect(payments.repeats).toBe(0);
    expect(payments.acknowledged.size).toBe(payments.begun);
    expect(during.length).toBeGreaterThan(((AWAY_MS / 1_000) * PAYMENTS_PER_SECOND) / 4);
    // A payment that waited for a broker would take seconds; other work on the machine may cost a fraction of one.
    expect(quantile(during, 0.5)).toBeLessThan(2 * quantile(before, 0.5) + 100);
    expect(quantile(during, 0.99)).toBeLessThan(2 * quantile(before, 0.99) + 500);
    // The lag grew all the time.
    expect(half?.rows).toBeGreaterThan(lags[0]?.rows ?? Number.NaN);
    expect(last?.rows).toBeGreaterThan(half?.rows ?? Number.NaN);
    expect(last?.seconds).toBeGreaterThan((0.8 * AWAY_MS) / 1_000);
    // Nothing is missing, and what came twice says the same.
    expect(expected.size).toBeGreaterThan(3 * payments.begun);
    expect(delivered.faults).toEqual([]);
  },
  TEST_TIMEOUT_MS,
);
