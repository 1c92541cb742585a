import { requireKafka } from '@micropay/local-kafka/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, registerUser } from '../support/call.js';
import { checkDelivered, expectedEvents } from '../support/delivered-events.js';
import { type Payments, startPayments } from '../support/payments.js';
import { randomNumbers } from '../support/random.js';
import { OPERATOR_KEY } from '../support/test-server.js';
import { killInTurn, toTable } from './kills.js';
import { spendingOfConsumer, spendingOfLedger } from './spending.js';
import { type System, startSystem } from './system.js';

requireKafka({ own: true });

const SECONDS = process.env.MICROPAY_TEST_LONG === '1' ? 600 : 60;
const PAYMENTS_PER_SECOND = 200;
const USERS = 8;
const OPENING_BALANCE = 1_000_000_000n;
const PROGRESS_MS = 10_000;
/** Time for the last killed process to come back, and for all events to be delivered and counted. */
const CATCH_UP_MS = 300_000;
const TEST_TIMEOUT_MS = SECONDS * 1_000 + 3 * CATCH_UP_MS;

let system: System;

beforeAll(async () => {
  system = await startSystem();
}, TEST_TIMEOUT_MS);
afterAll(async () => {
  await system?.stop();
}, TEST_TIMEOUT_MS);

it(
  'delivers the events of every payment to Kafka in order while everything is killed again and again',
  async () => {
    const seed = Number(process.env.MICROPAY_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`chaos for ${SECONDS} s; MICROPAY_TEST_SEED=${seed} kills in the same order`);
    const { url, broker, topicPrefix, pool, summary, victims } = system;
    const users = await Promise.all(
      Array.from({ length: USERS }, () => registerUser(url, { balance: OPENING_BALANCE })),
    );
    const payments = startPayments({
      url,
      users,
      perSecond: PAYMENTS_PER_SECOND,
      random: randomNumbers(seed),
    });
    const startedAt = Date.now();
    const progress = setInterval(() => say(payments, startedAt), PROGRESS_MS);
    const records = await killInTurn(victims, {
      untilMs: startedAt + SECONDS * 1_000,
      random: randomNumbers(seed + 1),
    }).finally(() => clearInterval(progress));
    await payments.stop();

    // The journal holds the acknowledged payments and no others.
    const { rows } = await pool.query<{ id: string }>(
      `select t.id from micropay.transfers t join micropay.accounts f on f.id = t.from_account
       where f.address like 'users:%'`,
    );
    expect(payments.acknowledged.size).toBe(payments.begun);
    expect(rows.map(({ id }) => id).sort()).toEqual([...payments.acknowledged.values()].sort());
    const { body } = await call(url, 'GET /v1/verify', { token: OPERATOR_KEY });
    expect(body).toMatchObject({ ok: true, problems: [] });

    const waiting = `select count(*)::int as rows from
      (select position from micropay.transfers union all select position from micropay.events) log
      where position > (select position from micropay.event_cursors where sink = 'kafka')`;
    await expect
      .poll(async () => (await pool.query(waiting)).rows[0]?.rows, { timeout: CATCH_UP_MS, interval: 500 })
      .toBe(0);
    const expected = await expectedEvents(pool);
    const delivered = await checkDelivered([broker], topicPrefix, expected);
    expect(delivered.faults).toEqual([]);
    const spent = await spendingOfLedger(pool);
    const caughtUpAt = Date.now();
    await expect
      .poll(() => spendingOfConsumer(summary).catch(() => []), { timeout: CATCH_UP_MS, interval: 500 })
      .toEqual(spent);

    console.log(
      [
        toTable(records),
        `${payments.begun} payments, ${payments.repeats} requests repeated; ${expected.size} events, ` +
          `${delivered.messages} messages in Kafka, ${delivered.repeats} of them repeats`,
        `ended by themselves and started again: ${JSON.stringify(system.endings())}; ` +
          `the consumer's sums were right ${Math.round((Date.now() - caughtUpAt) / 1_000)} s after the last event was delivered`,
      ].join('\n'),
    );
    expect(records.filter(({ kills }) => kills === 0)).toEqual([]);
  },
  TEST_TIMEOUT_MS,
);

function say({ begun, acknowledged, repeats }: Payments, startedAt: number): void {
  const elapsed = Math.round((Date.now() - startedAt) / 1_000);
  console.log(`${elapsed} s: ${acknowledged.size} of ${begun} payments acknowledged, ${repeats} requests repeated`);
}
