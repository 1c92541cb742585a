import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerEvent } from '@micropay/ledger-core';
import { uniqueName } from '@micropay/local-kafka/testing';
import { Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import type { ReceivedEvent } from './event-publisher-contract.js';

const TIMEOUT_MS = 60_000;

/** Everything that the topics hold at this moment, each partition in order. */
export async function readTopics(brokers: string[], topics: readonly string[]): Promise<readonly KafkaMessage[]> {
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  let expected = 0;
  const existing = await admin.listTopics();
  const present = topics.filter((topic) => existing.includes(topic));
  for (const topic of present) {
    for (const { high, low } of await untilItHasLeaders(() => admin.fetchTopicOffsets(topic))) {
      expected += Number(high) - Number(low);
    }
  }
  await admin.disconnect();
  const messages: KafkaMessage[] = [];
  if (expected === 0) return messages;

  const consumer = kafka.consumer({ groupId: uniqueName(), maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: present, fromBeginning: true });
  await consumer.run({
    async eachMessage({ message }) {
      messages.push(message);
    },
  });
  const until = Date.now() + TIMEOUT_MS;
  while (messages.length < expected && Date.now() < until) await delay(20);
  await consumer.disconnect();
  return messages;
}

/** A topic that was just made, or a broker that was just started, has leaders a moment later. */
export async function untilItHasLeaders<Result>(ask: () => Promise<Result>): Promise<Result> {
  const until = Date.now() + TIMEOUT_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > until || (error as { retriable?: boolean }).retriable === false) throw error;
      await delay(100);
    }
  }
}

/** Reads a CloudEvent in Kafka's binary mode as any consumer would. */
export function fromKafkaMessage({ headers, value }: KafkaMessage): ReceivedEvent {
  const attribute = (name: string) => String(headers?.[`ce_${name}`]);
  return {
    id: attribute('id'),
    type: attribute('type') as LedgerEvent['type'],
    subject: attribute('subject'),
    ledger: decodeURIComponent(attribute('source').replace('/ledgers/', '')),
    time: new Date(attribute('time')),
    data: JSON.parse(String(value)),
  } as ReceivedEvent;
}

export function topicsOf(prefix: string): readonly string[] {
  return ['transfers', 'accounts', 'users'].map((name) => `${prefix}.${name}`);
}
