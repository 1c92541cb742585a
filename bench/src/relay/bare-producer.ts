import { Kafka, logLevel, Partitioners, type TopicMessages } from 'kafkajs';

/** Messages of one send, in the order in which they were read. */
export type Send = readonly TopicMessages[];

/** Messages a second that kafkajs by itself sends: nothing is read, mapped or encoded as JSON meanwhile. */
export async function rateOfBareProducer(brokers: readonly string[], sends: readonly Send[]): Promise<number> {
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const startedAt = performance.now();
  let messages = 0;
  for (const topicMessages of sends) {
    await producer.sendBatch({ acks: -1, topicMessages: [...topicMessages] });
    messages += topicMessages.reduce((sum, topic) => sum + topic.messages.length, 0);
  }
  const elapsedMs = performance.now() - startedAt;
  await producer.disconnect();
  return (messages * 1_000) / elapsedMs;
}
