import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { list, milliseconds, object, optional } from '../domain/input/arguments.js';
import { checkDefinition, type DomainEventDefinition } from '../events/domain-event.js';
import { type EventPublisher, eventsArgument, notConnected } from '../events/publisher.js';
import { kafkaArgument, NEW_TOPICS, topicName } from './arguments.js';
import { toKafkaBatches } from './batches.js';
import { eventTopics, topicOf } from './cloudevent.js';
import { type CheckedProducer, createCheckedProducer, RETRIES } from './sends.js';
import { prepareTopics } from './topics.js';

export interface KafkaPublisherOptions {
  /** Passed to kafkajs as it is: brokers, clientId, ssl, sasl, logLevel. */
  readonly kafka: KafkaConfig;
  /** Topics are `<prefix>.transfers`, `<prefix>.accounts` and those of domain events; default `micropay`. */
  readonly topicPrefix?: string;
  /** Domain events whose topics are made and checked on connecting; those of others are at their first event. */
  readonly domainEvents?: readonly DomainEventDefinition[];
  /** Partitions of topics that are created here; default 6. Changing it later would move keys to other partitions. */
  readonly partitions?: number;
  /** Replication factor of topics that are created here; default: the broker's. */
  readonly replicationFactor?: number;
  /** A send that takes longer is abandoned and repeated by the relay; default 30,000. */
  readonly deadlineMs?: number;
}

/** Metadata is at most 8 KiB and all the rest of an event a few hundred bytes: room for what may be added. */
const MESSAGE_BYTES_MIN = 32 * 1024;
const CLOSE_DEADLINE_MS = 5_000;

const readOptions = object<KafkaPublisherOptions>({
  kafka: kafkaArgument,
  topicPrefix: optional(topicName),
  deadlineMs: optional(milliseconds),
  domainEvents: optional(list(checkDefinition)),
  ...NEW_TOPICS,
});

/**
 * Delivers events to Kafka through kafkajs: idempotent producer, all in-sync replicas, in order.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function createKafkaPublisher(options: KafkaPublisherOptions): EventPublisher {
  const read = readOptions(options, 'options');
  const {
    topicPrefix = 'micropay',
    domainEvents = [],
    partitions = 6,
    replicationFactor = -1,
    deadlineMs = 30_000,
  } = read;
  const kafka = new Kafka({ clientId: 'micropay', logLevel: logLevel.NOTHING, retry: RETRIES, ...read.kafka });
  const settings = { partitions, replicationFactor, messageBytesMin: MESSAGE_BYTES_MIN };
  const prepared = new Set<string>();
  let producer: CheckedProducer | undefined;
  let bytesMax = Number.POSITIVE_INFINITY;

  /** The topic of a domain event is not known before the first one comes. */
  async function prepare(names: readonly string[]): Promise<void> {
    const missing = names.filter((name) => !prepared.has(name));
    if (missing.length === 0) return;
    bytesMax = Math.min(bytesMax, await prepareTopics(kafka, { topics: missing, ...settings }));
    for (const name of missing) prepared.add(name);
  }

  return {
    async connect() {
      if (producer !== undefined) return;
      // Topics may have been changed since the last connection.
      prepared.clear();
      bytesMax = Number.POSITIVE_INFINITY;
      await prepare(eventTopics(topicPrefix, domainEvents));
      const connecting = createCheckedProducer(kafka);
      await connecting.connect();
      producer = connecting;
    },
    async publish(given) {
      const events = eventsArgument(given, 'events');
      if (producer === undefined) throw notConnected();
      const topics = new Set(events.map(topicOf));
      await prepare([...topics].map((topic) => `${topicPrefix}.${topic}`));
      for (const topicMessages of toKafkaBatches(events, { topicPrefix, bytesMax })) {
        await withinDeadline(producer.send(topicMessages), deadlineMs);
      }
    },
    async close() {
      const closing = producer?.disconnect();
      producer = undefined;
      if (closing !== undefined) await withinDeadline(closing, CLOSE_DEADLINE_MS);
    },
  };
}

async function withinDeadline<Result>(work: Promise<Result>, deadlineMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Kafka did not answer within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
    // A late failure has been answered by the deadline already.
    work.catch(() => undefined);
  }
}
