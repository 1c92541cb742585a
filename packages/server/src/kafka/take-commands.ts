import type { Ledger } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import { withDeadline } from '../throttling/deadline.js';
import { kafkaClient } from './kafka-client.js';
import { DEAD_LETTERS, type KafkaSettings } from './kafka-settings.js';

/** If a broker hangs, the next server takes over the unfinished commands. */
const STOP_TIMEOUT_MS = 8_000;

/** Consumes commands from Kafka if a topic is configured; returns a function that stops. */
export async function takeCommands(
  ledger: Ledger,
  kafka: KafkaSettings | undefined,
  log: Logger,
): Promise<() => Promise<void>> {
  if (kafka?.commandsTopic === undefined) return async () => undefined;
  // kafkajs is loaded here, so that servers without Kafka do without it.
  const { createCommandConsumer } = await import('@micropay/ledger-core/kafka');
  const { commandsTopic: topic, partitions, replicationFactor } = kafka;
  const consumer = createCommandConsumer({
    kafka: kafkaClient(kafka),
    ledger,
    topic,
    deadLetterTopic: `${topic}${DEAD_LETTERS}`,
    groupId: `${topic}.${ledger.name}`,
    partitions,
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
    onError: (err) => log.warn({ topic, err }, 'commands could not be processed and will be retried'),
  });
  consumer.start();
  return () =>
    withDeadline(STOP_TIMEOUT_MS, consumer.stop(), () => new Error('the broker did not answer in time')).catch(
      (err: unknown) => log.warn({ topic, err }, 'the consumer of commands did not stop in time'),
    );
}
