import { setTimeout as delay } from 'node:timers/promises';
import { createRelay, type Ledger, type LedgerEvent, type Relay } from '@micropay/ledger-core';
import { createKafkaPublisher } from '@micropay/ledger-core/kafka';
import type { LocalKafka } from '@micropay/local-kafka';
import { requireKafka, startOwnKafka } from '@micropay/local-kafka/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { times } from '../support/counts.js';
import { fromKafkaMessage, readTopics, topicsOf } from '../support/kafka-events.js';
import { sequenceFaults } from '../support/recording-publisher.js';
import { openWallets, useTestBed } from '../support/test-bed.js';

requireKafka({ own: true });

const KILLS = times(20);
const DRAIN_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 300_000;
const bed = useTestBed();
let kafka: LocalKafka;
let relay: Relay;
let ledger: Ledger;
let sinks = 0;

beforeEach(async () => {
  sinks += 1;
  kafka = await startOwnKafka();
  ledger = bed.ledger({ name: `book-${sinks}` });
  await openWallets(ledger, { a: 0n, b: 0n });
  relay = createRelay({
    database: bed.url,
    sink: `kafka-${sinks}`,
    publisher: createKafkaPublisher({ kafka: { brokers: [kafka.broker] } }),
  });
  ledger.onCommit(relay.wake);
});
afterEach(async () => {
  await relay?.stop();
  await kafka?.stop();
});

/** Posts about a hundred transfers a second until it is told to stop; answers how many. */
function load(): { stop(): Promise<number> } {
  let posting = true;
  const posted = (async () => {
    let count = 0;
    for (; posting; count += 2) {
      await Promise.all(
        ['a', 'b'].map((to) => ledger.transfers.post({ from: 'world', to, amount: 1n, currency: 'USD' })),
      );
      await delay(20);
    }
    return count;
  })();
  return {
    stop() {
      posting = false;
      return posted;
    },
  };
}

async function drained(): Promise<void> {
  await expect.poll(async () => (await relay.status()).rows, { timeout: DRAIN_TIMEOUT_MS }).toBe(0);
}

/** Kafka must hold every event, in order except for repeats, which are the same in every delivery. */
async function expectWhole(events: number): Promise<void> {
  const received = (await readTopics([kafka.broker], topicsOf('micropay'))).map(fromKafkaMessage);
  const contents = new Map<string, string>();
  for (const event of received) {
    if (contents.has(event.id)) expect(JSON.stringify(event)).toBe(contents.get(event.id));
    else contents.set(event.id, JSON.stringify(event));
  }
  const first = [...contents.values()].map((text) => JSON.parse(text) as LedgerEvent);
  expect(sequenceFaults(first.filter((event) => event.ledger === ledger.name))).toEqual([]);
  expect(contents.size).toBe(events);
}

async function countEvents(): Promise<number> {
  const [row] = await bed.sql<{ count: number }>(
    'select (3 * (select count(*) from micropay.transfers) + (select count(*) from micropay.events))::int as count',
  );
  return row?.count ?? -1;
}

it(
  'loses nothing and keeps each account in order when the broker is killed under load again and again',
  async () => {
    relay.start();
    const posting = load();
    for (let kill = 0; kill < KILLS; kill += 1) {
      await delay(500 + Math.random() * 500);
      await kafka.kill();
      await kafka.restart();
    }
    await delay(500);
    expect(await posting.stop()).toBeGreaterThan(50);
    await drained();
    await expectWhole(await countEvents());
  },
  TEST_TIMEOUT_MS,
);
