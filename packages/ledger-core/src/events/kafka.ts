import { Kafka, type KafkaConfig, logLevel, type Producer, type TopicMessages } from 'kafkajs';
import type { LedgerEvent } from './catalogue.js';
import { toKafkaMessage } from './cloudevent.js';
import type { EventPublisher } from './publisher.js';

export interface KafkaPublisherOptions {
  /** Passed to kafkajs: brokers, clientId, ssl, sasl. */
  readonly kafka: KafkaConfig;
  /** Topics are `<prefix>.transfers` and `<prefix>.accounts`; default `micropay`. */
  readonly topicPrefix?: string;
  /** Of topics that are made here; default 6. */
  readonly partitions?: number;
  /** Of topics that are made here; default the broker's. */
  readonly replicationFactor?: number;
  /** A delivery that takes longer is given up, and repeated by the relay; default 30,000. */
  readonly deadlineMs?: number;
}

/** Metadata is at most 8 KiB; twice that for escapes, and room for everything else. */
const MESSAGE_BYTES_MAX = 32 * 1024;
const TOPICS = ['transfers', 'accounts'] as const;
const BROKER_CONFIG_TYPE = 2;

/** Delivers events to Kafka through kafkajs: idempotent producer, all in-sync replicas, in order. */
export function createKafkaPublisher(options: KafkaPublisherOptions): EventPublisher {
  const { topicPrefix = 'micropay', partitions = 6, replicationFactor = -1, deadlineMs = 30_000 } = options;
  const kafka = new Kafka({ clientId: 'micropay', logLevel: logLevel.NOTHING, ...options.kafka });
  const topics = TOPICS.map((topic) => `${topicPrefix}.${topic}`);
  let producer: Producer | undefined;

  async function prepareTopics(): Promise<void> {
    const admin = kafka.admin();
    await admin.connect();
    try {
      const existing = new Set(await admin.listTopics());
      await admin.createTopics({
        waitForLeaders: true,
        topics: topics
          .filter((topic) => !existing.has(topic))
          .map((topic) => ({ topic, numPartitions: partitions, replicationFactor })),
      });
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: topics.map((name) => ({ type: BROKER_CONFIG_TYPE, name, configNames: ['max.message.bytes'] })),
      });
      for (const { resourceName, configEntries } of resources) {
        const bytesMax = Number(
          configEntries.find(({ configName }) => configName === 'max.message.bytes')?.configValue,
        );
        if (bytesMax < MESSAGE_BYTES_MAX) {
          throw new Error(
            `topic ${resourceName} takes messages of at most ${bytesMax} bytes: raise max.message.bytes to ${MESSAGE_BYTES_MAX} or more`,
          );
        }
      }
    } finally {
      await admin.disconnect();
    }
  }

  return {
    async connect() {
      await prepareTopics();
      producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false });
      await producer.connect();
    },
    async publish(events) {
      if (producer === undefined) throw new Error('connect the publisher first');
      const sending = producer.sendBatch({ acks: -1, topicMessages: toTopicMessages(events, topicPrefix) });
      await withinDeadline(sending, deadlineMs);
    },
    async close() {
      await producer?.disconnect();
      producer = undefined;
    },
  };
}

function toTopicMessages(events: readonly LedgerEvent[], topicPrefix: string): TopicMessages[] {
  const byTopic = new Map<string, TopicMessages>();
  for (const event of events) {
    const { topic, key, value, headers } = toKafkaMessage(event, topicPrefix);
    const messages = byTopic.get(topic) ?? { topic, messages: [] };
    messages.messages.push({ key, value, headers: { ...headers } });
    byTopic.set(topic, messages);
  }
  return [...byTopic.values()];
}

async function withinDeadline(sending: Promise<unknown>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Kafka did not confirm within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    await Promise.race([sending, deadline]);
  } finally {
    clearTimeout(timer);
    // A late failure has been answered by the deadline already.
    sending.catch(() => undefined);
  }
}
