import { randomUUID } from 'node:crypto';
import { createRelay, type PostTransfer } from '@micropay/ledger-core';
import { createKafkaPublisher } from '@micropay/ledger-core/kafka';
import type { Message } from 'kafkajs';
import type { BenchArguments } from '../arguments.js';
import { CURRENCY, randomMovement } from '../book.js';
import { median } from '../latencies.js';
import { profiled } from '../profile.js';
import { rateOfBareProducer, type Send } from './bare-producer.js';
import { openRelayBook, type RelayBook } from './book.js';
import { observedPublisher } from './observed-publisher.js';
import type { RelayPlace } from './place.js';
import { readBack } from './read-back.js';

/** A second of window drains about as many. */
const TRANSFERS_PER_SECOND = 10_000;
const POST_SIZE = 1_000;
/** Transfers in one send of the bare producer; the size that serves it best counts. */
const BARE_SIZES = [200, 500, 1_000];

export interface Drain {
  readonly drainPerSecond: number;
  readonly producerPerSecond: number;
  /** The median over pairs of neighbours in time. */
  readonly drainRatio: number;
}

/** Measures the rate at which a relay delivers a backlog, and that of kafkajs alone with the same messages. */
export async function measureDrain(
  place: RelayPlace,
  { seconds, repeats, profile }: Pick<BenchArguments, 'seconds' | 'repeats' | 'profile'>,
): Promise<Drain> {
  const book = await openRelayBook(place);
  try {
    await pileUp(book, seconds * TRANSFERS_PER_SECOND);
    // The first of each warms up and is not counted.
    await drainOnce(book, place, book.schema);
    const sends = await toSends(place.brokers, book.schema);
    const pairs: { readonly drain: number; readonly producer: number }[] = [];
    for (let repeat = 0; repeat <= repeats; repeat += 1) {
      const drain = await profiled({ directory: profile, name: `drain-${repeat}` }, () =>
        drainOnce(book, place, `${book.schema}-${repeat}`),
      );
      let producer = 0;
      for (const size of BARE_SIZES) {
        producer = Math.max(producer, await rateOfBareProducer(place.brokers, sends(size, `${book.schema}-${repeat}`)));
      }
      if (repeat > 0) pairs.push({ drain, producer });
    }
    return {
      drainPerSecond: median(pairs.map(({ drain }) => drain)),
      producerPerSecond: median(pairs.map(({ producer }) => producer)),
      drainRatio: median(pairs.map(({ drain, producer }) => drain / producer)),
    };
  } finally {
    await book.close();
  }
}

async function pileUp({ ledger, accountIds }: RelayBook, transfers: number): Promise<void> {
  for (let posted = 0; posted < transfers; posted += POST_SIZE) {
    const requests = Array.from(
      { length: POST_SIZE },
      (): PostTransfer => ({
        ...randomMovement({ accountIds }, false),
        currency: CURRENCY,
        idempotencyKey: randomUUID(),
      }),
    );
    for (const result of await ledger.transfers.postMany(requests)) if (!result.ok) throw result.error;
  }
}

/** Events a second from the moment that Kafka is connected until it has acknowledged the last. */
async function drainOnce(
  { schema }: RelayBook,
  { database, pool, brokers }: RelayPlace,
  topicPrefix: string,
): Promise<number> {
  const { rows } = await pool.query<{ events: string }>(
    `select (select 3 * count(*) from ${schema}.transfers) + (select count(*) from ${schema}.events) as events`,
  );
  const events = Number(rows[0]?.events);
  const publisher = createKafkaPublisher({ kafka: { brokers: [...brokers] }, topicPrefix });
  // Topics are made before the clock runs.
  await publisher.connect();
  let startedAt = 0;
  let delivered = 0;
  return new Promise((resolve, reject) => {
    const relay = createRelay({
      database,
      schema,
      sink: topicPrefix,
      onError: (error) => void relay.stop().then(() => reject(error)),
      publisher: observedPublisher(publisher, {
        onConnected: () => {
          startedAt = performance.now();
        },
        onDelivered: (batch) => {
          delivered += batch.length;
          if (delivered < events) return;
          const elapsedMs = performance.now() - startedAt;
          relay.stop().then(() => resolve((events * 1_000) / elapsedMs), reject);
        },
      }),
    });
    relay.start();
  });
}

/** Splits the messages that the relay has sent into sends of so many transfers and their balance changes, for other topics. */
async function toSends(
  brokers: readonly string[],
  prefix: string,
): Promise<(size: number, to: string) => readonly Send[]> {
  const names = ['transfers', 'accounts'];
  const read = await readBack(
    brokers,
    names.map((name) => `${prefix}.${name}`),
  );
  const messages = (name: string): readonly Message[] =>
    // In the order of delivery, so that each send has messages of all partitions.
    (read.get(`${prefix}.${name}`) ?? []).toSorted((a, b) =>
      String(a.headers?.ce_time) < String(b.headers?.ce_time) ? -1 : 1,
    );
  const [transfers = [], accounts = []] = names.map(messages);
  return (size, to) =>
    Array.from({ length: Math.ceil(transfers.length / size) }, (_, index) => [
      { topic: `${to}.transfers`, messages: transfers.slice(index * size, (index + 1) * size) },
      { topic: `${to}.accounts`, messages: accounts.slice(2 * index * size, 2 * (index + 1) * size) },
    ]);
}
