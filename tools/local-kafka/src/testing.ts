import { randomBytes } from 'node:crypto';
import { beforeEach, inject } from 'vitest';
import { type KafkaOptions, type LocalKafka, startKafka } from './start-kafka.js';
import type { TestKafka } from './test-kafka.js';

declare module 'vitest' {
  interface ProvidedContext {
    testKafka: TestKafka;
  }
}

/** Skips the tests of this file, by name and with the reason, where there is no Kafka. In CI they fail instead. */
export function requireKafka({ own = false } = {}): void {
  const { whyNone, whyNoOwn } = inject('testKafka');
  const reason = own ? whyNoOwn : whyNone;
  beforeEach((context) => {
    if (reason === null) return;
    if (process.env.CI) throw new Error(`Kafka's tests are not skipped in CI: this one ${reason}`);
    context.skip(reason);
  });
}

/** Addresses of the brokers that the tests of this run share. */
export async function testBrokers(): Promise<string[]> {
  const response = await fetch(inject('testKafka').url);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text.split(',');
}

/** A name for topics or groups that no other test uses. */
export function uniqueName(): string {
  return `test-${randomBytes(6).toString('hex')}`;
}

/** A broker for one test file, to be killed. */
export function startOwnKafka(options?: KafkaOptions): Promise<LocalKafka> {
  return startKafka(options);
}
