import { uniqueName } from '@micropay/local-kafka/testing';
import { Kafka, logLevel } from 'kafkajs';

const POLL_MS = 50;
const TIMEOUT_MS = 60_000;

/** An event as it lies in Kafka. */
export interface SeenEvent {
  readonly topic: string;
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  // biome-ignore lint/suspicious/noExplicitAny: every type of event has data of its own shape.
  readonly data: any;
}

/** Reads the topics with a prefix from their beginning until `enough` returns true; returns all events. */
export async function readTopics(
  brokers: readonly string[],
  prefix: string,
  enough: (events: readonly SeenEvent[]) => boolean,
): Promise<readonly SeenEvent[]> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: uniqueName(), maxWaitTimeInMs: 100 });
  const seen: SeenEvent[] = [];
  await consumer.connect();
  try {
    const topics = ['transfers', 'accounts', 'users'].map((name) => `${prefix}.${name}`);
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      async eachMessage({ topic, message: { headers, value } }) {
        const attribute = (name: string) => String(headers?.[`ce_${name}`]);
        const [id, type, subject] = [attribute('id'), attribute('type'), attribute('subject')];
        seen.push({ topic, id, type, subject, data: JSON.parse(String(value)) });
      },
    });
    const until = Date.now() + TIMEOUT_MS;
    while (!enough(seen) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    return seen;
  } finally {
    await consumer.disconnect();
  }
}
