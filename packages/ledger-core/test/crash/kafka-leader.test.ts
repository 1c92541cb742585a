import { randomUUID } from 'node:crypto';
import type { LedgerEvent } from '@micropay/ledger-core';
import { createKafkaPublisher } from '@micropay/ledger-core/kafka';
import type { LocalKafka } from '@micropay/local-kafka';
import { requireKafka, startOwnKafka } from '@micropay/local-kafka/testing';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readTopics, topicsOf, untilItHasLeaders } from '../support/kafka-events.js';

requireKafka({ own: true });

const TOPIC = 'micropay.users';
const START_TIMEOUT_MS = 240_000;
const brokers: LocalKafka[] = [];

beforeEach(async () => {
  const first = await startOwnKafka();
  brokers.push(first);
  brokers.push(await startOwnKafka({ besides: first }));
}, START_TIMEOUT_MS);
afterEach(() => Promise.all(brokers.map((broker) => broker.stop())));

function created(position: number): LedgerEvent {
  const userId = randomUUID();
  return {
    ...{ id: userId, type: 'user.created.v1', topic: 'users', subject: userId, ledger: 'main', time: new Date() },
    ...{ position: BigInt(position), data: { userId } },
  } as const;
}

it('resolves only when every partition has its events, though one has moved to a broker that had answered', async () => {
  const addresses = brokers.map(({ broker }) => broker);
  const admin = new Kafka({ brokers: addresses, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const replicaAssignment = [
    { partition: 0, replicas: [1] },
    { partition: 1, replicas: [2] },
  ];
  await untilItHasLeaders(() => admin.createTopics({ topics: [{ topic: TOPIC, replicaAssignment }] }));
  const leaders = async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
    return topics[0]?.partitions.toSorted((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader);
  };
  await expect.poll(() => untilItHasLeaders(leaders), { timeout: 30_000 }).toEqual([1, 2]);

  const publisher = createKafkaPublisher({ kafka: { brokers: addresses }, replicationFactor: 1 });
  const events = Array.from({ length: 20 }, (_, index) => created(index + 1));
  await publisher.connect();
  await publisher.publish(events.slice(0, 10));
  const partitionAssignment = [{ partition: 1, replicas: [1] }];
  await admin.alterPartitionReassignments({ topics: [{ topic: TOPIC, partitionAssignment }] });
  await expect.poll(leaders, { timeout: 30_000 }).toEqual([1, 1]);
  // As the relay does: what is rejected is delivered again, by a new connection.
  await publisher.publish(events.slice(10)).catch(async () => {
    await publisher.close();
    await publisher.connect();
    await publisher.publish(events.slice(10));
  });
  await publisher.close();
  await admin.disconnect();
  const received = await readTopics(addresses, topicsOf('micropay'));
  expect(new Set(received.map(({ headers }) => String(headers?.ce_id)))).toEqual(new Set(events.map(({ id }) => id)));
}, 120_000);
