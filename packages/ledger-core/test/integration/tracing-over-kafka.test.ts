import { createRelay, type Ledger } from '@micropay/ledger-core';
import { createCommandConsumer, createKafkaPublisher } from '@micropay/ledger-core/kafka';
import { requireKafka, testBrokers, uniqueName } from '@micropay/local-kafka/testing';
import { SpanKind } from '@opentelemetry/api';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { beforeAll, expect, it, vi } from 'vitest';
import { readTopics } from '../support/kafka-events.js';
import { traceparentOf, useRecordedSpans } from '../support/recorded-spans.js';
import { openWallets, useTestBed } from '../support/test-bed.js';

requireKafka();
const bed = useTestBed();
const spans = useRecordedSpans();
const WAIT = { timeout: 60_000, interval: 50 };
const PRODUCER = `00-${'c'.repeat(32)}-${'d'.repeat(16)}`;
let ledger: Ledger;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { a: 1_000n, b: 0n });
});

/** The traces that the events of each transfer carry, by its id. */
async function deliver(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const topicPrefix = uniqueName();
  const publisher = createKafkaPublisher({ kafka: { brokers: await testBrokers() }, topicPrefix });
  const relay = createRelay({ database: bed.url, sink: topicPrefix, publisher });
  relay.start();
  await vi.waitFor(async () => expect((await relay.status()).rows).toBe(0), WAIT);
  await relay.stop();
  const traces = new Map<string, Set<string>>();
  for (const { headers, value } of await readTopics(await testBrokers(), [
    `${topicPrefix}.transfers`,
    `${topicPrefix}.accounts`,
  ])) {
    const { transferId } = JSON.parse(String(value));
    const carried = traces.get(transferId) ?? new Set();
    traces.set(transferId, carried);
    expect(headers?.ce_traceparent).toEqual(headers?.traceparent);
    carried.add(String(headers?.traceparent));
  }
  return traces;
}

it('the events of a traced transfer carry its trace in both headers, and those of others in none', async () => {
  const transfer = { from: 'a', to: 'b', amount: 1n, currency: 'USD' };
  const traced = await spans.within(() => ledger.transfers.post(transfer));
  const other = await ledger.transfers.post(transfer);
  const traces = await deliver();
  const [post] = spans.named('micropay.post');
  expect(traces.get(traced.id)).toEqual(new Set([post && traceparentOf(post)]));
  expect(traces.get(other.id)).toEqual(new Set(['undefined']));
});

it('a command continues the trace of its producer, and so do its request, its transfer and their events', async () => {
  const topic = uniqueName();
  const brokers = await testBrokers();
  const kafka = { brokers };
  const consumer = createCommandConsumer({ kafka, ledger, topic, groupId: topic, partitions: 1 });
  consumer.start();
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const send = (id: string, more: Record<string, string>) => {
    const headers = { ce_id: id, ce_source: topic, ce_type: 'transfer.request.v1', ...more };
    const value = JSON.stringify({ from: 'a', to: 'b', amount: '1', currency: 'USD' });
    return producer.send({ topic, messages: [{ key: id, value, headers }] });
  };
  const readRequests = () =>
    bed.sql<{ transfer_id: string }>(
      'select transfer_id from micropay.transfer_requests where requested_by = $1 order by number',
      [topic],
    );
  await vi.waitFor(() => send('sampled', { traceparent: `${PRODUCER}-01` }), WAIT);
  await send('of-cloudevents', { ce_traceparent: `${PRODUCER}-01`, traceparent: 'none' });
  await send('unsampled', { traceparent: `${PRODUCER}-00` });
  await vi.waitFor(async () => expect(await readRequests()).toHaveLength(3), WAIT);
  await consumer.stop();
  await producer.disconnect();
  await ledger.requests.processRequests();

  const processed = spans.named(`process ${topic}`);
  const posts = spans.named('micropay.post');
  expect(processed.map(({ kind, parentSpanContext }) => [kind, parentSpanContext?.spanId])).toEqual([
    [SpanKind.CONSUMER, 'd'.repeat(16)],
    [SpanKind.CONSUMER, 'd'.repeat(16)],
  ]);
  expect(posts.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
    processed.map((span) => span.spanContext().spanId),
  );
  const traces = await deliver();
  const carried = (await readRequests()).map(({ transfer_id }) => traces.get(transfer_id));
  expect(carried).toEqual([
    ...posts.map((post, index) => new Set([...processed.slice(index, index + 1), post].map(traceparentOf))),
    new Set(['undefined']),
  ]);
});
