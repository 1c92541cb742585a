import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLedger, createRelay, type Ledger, type Relay } from '@micropay/ledger-core';
import { createKafkaPublisher } from '@micropay/ledger-core/kafka';
import { requireKafka, testBrokers, uniqueName } from '@micropay/local-kafka/testing';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';

requireKafka();

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const KILLS = process.env.MICROPAY_TEST_LONG === '1' ? 10 : 2;
const TEST_TIMEOUT_MS = 600_000;

let ledgerDatabase: TestDatabase;
let summaryDatabase: TestDatabase;
let ledger: Ledger;
let relay: Relay | undefined;
const consumers: ChildProcess[] = [];

beforeAll(async () => {
  [ledgerDatabase, summaryDatabase] = [await createTestDatabase(), await createEmptyDatabase()];
  ledger = createLedger({ database: ledgerDatabase.url });
});
afterAll(async () => {
  for (const consumer of consumers) consumer.kill('SIGKILL');
  await relay?.stop();
  await ledger?.close();
  await Promise.all([ledgerDatabase?.drop(), summaryDatabase?.drop()]);
});

function run(environment: Readonly<Record<string, string>>): ChildProcess {
  const { KAFKA_BROKERS: _, DATABASE_URL: __, ...rest } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', main], {
    env: { ...rest, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  consumers.push(child);
  return child;
}

async function query(url: string, text: string) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

function summary() {
  const text = 'select user_id, currency, spent::text, payments::int from spending order by user_id';
  // Before the consumer has made its tables there is no summary.
  return query(summaryDatabase.url, text).catch(() => []);
}

/** The same from the ledger itself. */
function spentByLedger() {
  return query(
    ledgerDatabase.url,
    `select split_part(payer, ':', 2) as user_id, currency, sum(spent)::text as spent, sum(payments)::int as payments
     from (
       select case kind when 'reversal' then c.address else f.address end as payer,
         case kind when 'reversal' then f.address else c.address end as payee,
         case kind when 'reversal' then -t.amount else t.amount end as spent,
         case kind when 'reversal' then 0 else 1 end as payments, t.currency
       from micropay.transfers t
       join micropay.accounts f on f.id = t.from_account
       join micropay.accounts c on c.id = t.to_account
       where kind in ('transfer', 'capture', 'reversal')
     ) as movements
     where payer like 'users:%' and split_part(payer, ':', 2) <> split_part(payee, ':', 2)
     group by 1, 2 order by 1`,
  );
}

it(
  'the consumer sums up the spending of each user while it is killed and events are delivered again',
  async () => {
    const prefix = uniqueName();
    const brokers = await testBrokers();
    await ledger.accounts.open({ address: 'world:usd', currency: 'USD' });
    for (const user of ['1', '2', '3']) {
      await ledger.accounts.open({ address: `users:${user}:usd`, currency: 'USD' });
      await ledger.accounts.open({ address: `users:${user}:savings`, currency: 'USD' });
      await ledger.transfers.post({ from: 'world:usd', to: `users:${user}:usd`, amount: 1_000_000n, currency: 'USD' });
    }
    const pay = { from: 'users:1:usd', to: 'users:2:usd', currency: 'USD' };
    await ledger.holds.capture((await ledger.holds.place({ ...pay, amount: 500n })).id, { amount: 300n, final: true });
    await ledger.transfers.reverse((await ledger.transfers.post({ ...pay, amount: 70n })).id, { amount: 20n });
    relay = createRelay({
      database: ledgerDatabase.url,
      sink: 'kafka',
      publisher: createKafkaPublisher({ kafka: { brokers }, topicPrefix: prefix }),
    });
    ledger.onCommit(relay.wake);
    relay.start();
    await expect.poll(async () => (await relay?.status())?.rows, { timeout: 30_000 }).toBe(0);

    const environment = {
      KAFKA_BROKERS: brokers.join(','),
      DATABASE_URL: summaryDatabase.url,
      TOPIC_PREFIX: prefix,
      GROUP_ID: prefix,
    };
    let consumer = run(environment);
    let posting = true;
    const load = (async () => {
      for (let amount = 1n; posting; amount += 1n) {
        const transfers = ['1', '2', '3'].flatMap((user, index) => [
          { from: `users:${user}:usd`, to: `users:${(index % 2) + 2}:savings`, amount, currency: 'USD' },
          { from: `users:${user}:usd`, to: 'world:usd', amount: 1n, currency: 'USD' },
        ]);
        await ledger.transfers.postMany(transfers);
        await delay(20);
      }
    })();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = JSON.stringify(await summary());
      await expect.poll(async () => JSON.stringify(await summary()), { timeout: 60_000 }).not.toBe(before);
      await delay(Math.random() * 300);
      consumer.kill('SIGKILL');
      await relay.replay(ledger.name, 0n);
      consumer = run(environment);
    }
    posting = false;
    await load;

    const expected = await spentByLedger();
    expect(expected).toHaveLength(3);
    await expect.poll(summary, { timeout: 90_000 }).toEqual(expected);
    // Everything once more, and the sums stay.
    await relay.replay(ledger.name, 0n);
    await expect.poll(async () => (await relay?.status())?.rows, { timeout: 30_000 }).toBe(0);
    await delay(2_000);
    expect(await summary()).toEqual(expected);
  },
  TEST_TIMEOUT_MS,
);

it.each([
  [{}, 'set KAFKA_BROKERS'],
  [{ KAFKA_BROKERS: 'localhost:9092' }, 'set DATABASE_URL'],
])('the consumer says which variable to set when it is started with %j', async (environment, hint) => {
  const consumer = run(environment);
  let complaint = '';
  consumer.stderr?.on('data', (chunk) => {
    complaint += chunk;
  });
  const code = await new Promise((resolve) => consumer.once('close', resolve));
  expect(code).toBe(1);
  expect(complaint).toContain(hint);
});

it('the consumer says in one sentence that no broker responds, and ends with 1', async () => {
  const database = await createEmptyDatabase();
  const consumer = run({ KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: database.url });
  let complaint = '';
  consumer.stderr?.on('data', (chunk) => {
    complaint += chunk;
  });
  expect(await new Promise((resolve) => consumer.once('close', resolve))).toBe(1);
  expect(complaint).toMatch(/^Kafka cannot be read at 127\.0\.0\.1:1: .*KAFKA_BROKERS right\?\n$/);
  await database.drop();
});
