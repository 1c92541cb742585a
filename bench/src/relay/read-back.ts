import { randomBytes } from 'node:crypto';
import { Kafka, type KafkaMessage, logLevel, type Message } from 'kafkajs';

/** Everything that the topics hold, by topic, a partition's messages in order. */
export async function readBack(
  brokers: readonly string[],
  topics: readonly string[],
): Promise<ReadonlyMap<string, readonly Message[]>> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  let missing = 0;
  for (const topic of topics) {
    for (const { high } of await admin.fetchTopicOffsets(topic)) missing += Number(high);
  }
  await admin.disconnect();
  const read = new Map<string, Message[]>(topics.map((topic) => [topic, []]));
  const consumer = kafka.consumer({ groupId: `bench-${randomBytes(6).toString('hex')}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        async eachBatch({ batch }) {
          read.get(batch.topic)?.push(...batch.messages.map(toMessage));
          missing -= batch.messages.length;
          if (missing === 0) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return read;
}

/** As a program has them that sends them: texts, and not bytes. */
function toMessage({ key, value, headers = {} }: KafkaMessage): Message {
  const texts = Object.entries(headers).map(([name, text]) => [name, String(text)]);
  return { key: String(key), value: String(value), headers: Object.fromEntries(texts) };
}
