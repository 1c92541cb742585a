import { createRelay, eventTopics, type LedgerEvent, MisconfiguredSinkError } from '@micropay/ledger-core';
import { createKafkaPublisher, type KafkaPublisherOptions } from '@micropay/ledger-core/kafka';
import { requireKafka, testBrokers, uniqueName } from '@micropay/local-kafka/testing';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { itKeepsTheContract } from '../support/event-publisher-contract.js';
import { fromKafkaMessage, readTopics, topicsOf, untilItHasLeaders } from '../support/kafka-events.js';
import { sequenceFaults } from '../support/recording-publisher.js';
import { openWallets, useTestBed } from '../support/test-bed.js';

requireKafka();
const bed = useTestBed();

async function publisherFor(topicPrefix: string, options: Partial<KafkaPublisherOptions> = {}) {
  return createKafkaPublisher({ kafka: { brokers: await testBrokers() }, topicPrefix, ...options });
}

async function withAdmin<Result>(work: (admin: ReturnType<Kafka['admin']>) => Promise<Result>): Promise<Result> {
  const admin = new Kafka({ brokers: await testBrokers(), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

describe('a Kafka publisher', () => {
  itKeepsTheContract(async () => {
    const prefix = uniqueName();
    const publisher = await publisherFor(prefix);
    return {
      publisher,
      received: async () => (await readTopics(await testBrokers(), topicsOf(prefix))).map(fromKafkaMessage),
      end: () => publisher.close(),
    };
  });

  it('a Kafka publisher writes CloudEvents 1.0 in binary mode, keyed by what they are about', async () => {
    const prefix = uniqueName();
    const publisher = await publisherFor(prefix);
    await publisher.connect();
    const event: LedgerEvent = {
      id: 'some-id',
      type: 'account.opened.v1',
      subject: '0190b5a0-0000-7000-8000-000000000001',
      ledger: 'a ledger/b',
      time: new Date('2026-01-02T03:04:05.678Z'),
      position: 7n,
      data: { address: 'users:1', type: 'liability', currency: 'USD', minimum: '0', maximum: null },
    };
    await publisher.publish([event]);
    await publisher.close();
    const [message] = await readTopics(await testBrokers(), [`${prefix}.accounts`]);
    expect(String(message?.key)).toBe(event.subject);
    const headers = Object.entries(message?.headers ?? {}).map(([name, value]) => [name, String(value)]);
    expect(Object.fromEntries(headers)).toEqual({
      ce_specversion: '1.0',
      ce_id: 'some-id',
      ce_type: 'account.opened.v1',
      ce_source: '/ledgers/a%20ledger%2Fb',
      ce_subject: event.subject,
      ce_time: '2026-01-02T03:04:05.678Z',
      ce_position: String(event.position),
      'content-type': 'application/json',
    });
    expect(JSON.parse(String(message?.value))).toEqual(event.data);
  });

  it('a Kafka publisher makes its topics with the partitions that were chosen, and leaves existing ones as they are', async () => {
    const prefix = uniqueName();
    await withAdmin((admin) =>
      untilItHasLeaders(() =>
        admin.createTopics({ topics: [{ topic: `${prefix}.accounts`, numPartitions: 2 }], waitForLeaders: true }),
      ),
    );
    const publisher = await publisherFor(prefix, { partitions: 4 });
    await publisher.connect();
    await publisher.close();
    const { topics } = await withAdmin((admin) => admin.fetchTopicMetadata({ topics: [...eventTopics(prefix)] }));
    const partitions = topics.map(({ name, partitions: made }) => [name.replace(`${prefix}.`, ''), made.length]);
    expect(Object.fromEntries(partitions)).toEqual({ transfers: 4, accounts: 2 });
  });

  it('a Kafka publisher refuses at the start a topic that could not take every event, and says what to set', async () => {
    const prefix = uniqueName();
    const configEntries = [{ name: 'max.message.bytes', value: '10000' }];
    await withAdmin((admin) =>
      untilItHasLeaders(() =>
        admin.createTopics({ topics: [{ topic: `${prefix}.accounts`, configEntries }], waitForLeaders: true }),
      ),
    );
    const refused = (await publisherFor(prefix)).connect();
    await expect(refused).rejects.toBeInstanceOf(MisconfiguredSinkError);
    await expect((await publisherFor(prefix)).connect()).rejects.toThrow(
      `topic ${prefix}.accounts accepts at most 10000 bytes: set its max.message.bytes to 32768 or more`,
    );
  });

  it('cuts what is more than a topic takes at once, and keeps its order', async () => {
    const prefix = uniqueName();
    const narrow = (topic: string) => ({
      topic: `${prefix}.${topic}`,
      numPartitions: 1,
      configEntries: [{ name: 'max.message.bytes', value: '32768' }],
    });
    const topics = [narrow('accounts'), narrow('users')];
    await withAdmin((admin) => untilItHasLeaders(() => admin.createTopics({ topics, waitForLeaders: true })));
    const publisher = await publisherFor(prefix);
    await publisher.connect();
    const events = Array.from({ length: 300 }, (_, index): LedgerEvent => {
      const about = { ledger: 'main', subject: 'one', time: new Date(), position: BigInt(index + 1) };
      const name = 'n'.repeat(1_000);
      return index % 3 === 0
        ? {
            ...about,
            id: `user ${index}`,
            type: 'user.created.v1',
            topic: 'users',
            data: { userId: name },
          }
        : {
            ...about,
            id: `account ${index}`,
            type: 'account.opened.v1',
            data: { address: name, type: 'liability', currency: 'USD', minimum: '0', maximum: null },
          };
    });
    await publisher.publish(events);
    await publisher.close();
    for (const [topic, ofTopic] of Object.entries({ users: 'user', accounts: 'account' })) {
      const messages = await readTopics(await testBrokers(), [`${prefix}.${topic}`]);
      const ids = messages.map(({ headers }) => String(headers?.ce_id));
      expect(ids).toEqual(events.map(({ id }) => id).filter((id) => id.startsWith(ofTopic)));
    }
  });

  it('a Kafka publisher passes ssl and sasl on to kafkajs', async () => {
    const brokers = await testBrokers();
    // The broker speaks neither, so a client that asks for one of them is turned away.
    const noRetry = { retry: { retries: 0 }, connectionTimeout: 2_000, authenticationTimeout: 2_000 };
    const withSsl = await publisherFor(uniqueName(), { kafka: { brokers, ssl: true, ...noRetry } });
    await expect(withSsl.connect()).rejects.toThrow(/SSL|TLS|socket|closed|ECONNRESET|timeout/i);
    const sasl = { mechanism: 'plain', username: 'a', password: 'b' } as const;
    const withSasl = await publisherFor(uniqueName(), { kafka: { brokers, sasl, ...noRetry } });
    await expect(withSasl.connect()).rejects.toThrow(/SASL/);
  });

  it('a Kafka publisher rejects when no broker answers', async () => {
    const publisher = await publisherFor(uniqueName(), {
      kafka: { brokers: ['127.0.0.1:1'], retry: { retries: 1, initialRetryTime: 50 } },
    });
    await expect(publisher.connect()).rejects.toThrow();
    await publisher.close();
  });

  it('a Kafka publisher lets a relay stop soon while no broker answers', async () => {
    const publisher = createKafkaPublisher({ kafka: { brokers: ['127.0.0.1:1'] } });
    const errors: unknown[] = [];
    const relay = createRelay({ database: bed.url, sink: 'away', publisher, onError: (error) => errors.push(error) });
    relay.start();
    await expect.poll(() => errors.length).toBeGreaterThan(0);
    const start = Date.now();
    await relay.stop();
    expect(Date.now() - start).toBeLessThan(8_000);
  });

  it('a Kafka publisher carries a ledger to Kafka behind a relay, each account in order', async () => {
    const prefix = uniqueName();
    const ledger = bed.ledger();
    await openWallets(ledger, { a: 100n, b: 0n });
    const relay = createRelay({ database: bed.url, sink: 'kafka', publisher: await publisherFor(prefix) });
    ledger.onCommit(relay.wake);
    relay.start();
    await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        ledger.transfers.post({ from: index % 2 ? 'a' : 'world', to: 'b', amount: 1n, currency: 'USD' }),
      ),
    );
    await expect.poll(async () => (await relay.status()).rows, { timeout: 20_000 }).toBe(0);
    await relay.stop();
    const received = (await readTopics(await testBrokers(), topicsOf(prefix))).map(fromKafkaMessage);
    expect(received).toHaveLength(3 + 3 * 201);
    expect(new Set(received.map(({ id }) => id)).size).toBe(received.length);
    expect(sequenceFaults(received as LedgerEvent[])).toEqual([]);
  });
});
