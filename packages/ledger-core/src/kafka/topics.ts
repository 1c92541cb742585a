import type { Kafka } from 'kafkajs';
import { type Backoff, retry } from '../backoff.js';
import { MisconfiguredSinkError } from '../events/publisher.js';

export interface KafkaTopics {
  readonly topics: readonly string[];
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Settings of topics that are made here. */
  readonly configEntries?: { readonly name: string; readonly value: string }[];
  /** The smallest message size limit that each topic must have. */
  readonly messageBytesMin: number;
}

/** `ConfigResourceTypes.TOPIC`: the enumeration is not there when the module is loaded as ESM. */
const TOPIC_RESOURCE = 2;

/**
 * Creates missing topics and returns the smallest message size limit among the topics.
 *
 * @throws {MisconfiguredSinkError} when a topic takes less than the largest event
 */
export async function prepareTopics(kafka: Kafka, options: KafkaTopics): Promise<number> {
  const { topics, partitions: numPartitions, replicationFactor, messageBytesMin, configEntries = [] } = options;
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const missing = topics.filter((topic) => !existing.has(topic));
    if (missing.length > 0) {
      const made = missing.map((topic) => ({ topic, numPartitions, replicationFactor, configEntries }));
      await onceKnown(() => admin.createTopics({ waitForLeaders: true, topics: made }));
    }
    const asked = topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: ['max.message.bytes'] }));
    const { resources } = await onceKnown(() => admin.describeConfigs({ includeSynonyms: false, resources: asked }));
    const limits = resources.map(({ resourceName, configEntries }) => {
      const limit = Number(configEntries.find(({ configName }) => configName === 'max.message.bytes')?.configValue);
      if (limit < messageBytesMin) {
        throw new MisconfiguredSinkError(
          `topic ${resourceName} accepts at most ${limit} bytes: set its max.message.bytes to ${messageBytesMin} or more`,
        );
      }
      return limit;
    });
    return Math.min(...limits);
  } finally {
    await admin.disconnect();
  }
}

/** In all, as long as a broker may take to hear of a new topic: about ten seconds. */
const KNOWN_BACKOFF: Backoff = { firstMs: 50, maxMs: 200 };
const KNOWN_ATTEMPTS_MAX = 70;

/** A topic that was just made is not known to every broker for a moment; making it again changes nothing. */
function onceKnown<Result>(ask: () => Promise<Result>): Promise<Result> {
  const isRetryable = (error: unknown) =>
    error instanceof Error && 'type' in error && error.type === 'UNKNOWN_TOPIC_OR_PARTITION';
  return retry(ask, { backoff: KNOWN_BACKOFF, attemptsMax: KNOWN_ATTEMPTS_MAX, isRetryable });
}
