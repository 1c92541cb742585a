import { provideTestKafka } from '@micropay/local-kafka';
import type {} from '@micropay/local-kafka/testing';
import type { TestProject } from 'vitest/node';

/** Says where Kafka is or why it is not; nothing is started before a test asks for it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { testKafka, stop } = await provideTestKafka(process.env.KAFKA_BROKERS || undefined);
  project.provide('testKafka', testKafka);
  return stop;
}
