import { readFileSync } from 'node:fs';
import { requireKafka, testBrokers, uniqueName } from '@micropay/local-kafka/testing';
import { createTestDatabase } from '@micropay/local-postgres/testing';
import { type OtlpSpan, startOtlpSink } from '@micropay/otlp-sink';
import { readConfig, startServer } from '@micropay/server';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { type Consumer, Kafka, logLevel } from 'kafkajs';
import { expect, it } from 'vitest';
import { createClient, type MicroPayClient } from '../src/index.js';
import { OPERATOR_KEY } from './support/test-server.js';

requireKafka();

const PAGE = readFileSync(new URL('../../../docs/operating/tracing.md', import.meta.url), 'utf8');
const OPEN_TELEMETRY = { context, propagation, ROOT_CONTEXT, SpanKind, trace };

/** Runs the example of the page that has this line, with these values for its imports and for what it leaves open. */
async function runExample(
  line: string,
  values: Readonly<Record<string, unknown>>,
  result = 'undefined',
): Promise<unknown> {
  const example = [...PAGE.matchAll(/```js\n([\s\S]*?)```/g)].find(([, code]) => code?.includes(line))?.[1] ?? '';
  const code = example.replaceAll(/^import .*\n/gm, '');
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  const given = { ...OPEN_TELEMETRY, ...values };
  return AsyncFunction(...Object.keys(given), `${code}\nreturn ${result};`)(...Object.values(given));
}

async function startConsumer(topic: string, handle: (data: unknown) => void): Promise<Consumer> {
  const kafka = new Kafka({ brokers: await testBrokers(), logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await runExample('consumer.run', { consumer, handle });
  return consumer;
}

/** The spans of a trace, each as its name after those above it. */
function pathsOf(spans: readonly OtlpSpan[]): readonly string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const pathOf = ({ name, parentSpanId }: OtlpSpan): string => {
    const parent = byId.get(parentSpanId);
    return parent === undefined ? name : `${pathOf(parent)} > ${name}`;
  };
  return spans.map(pathOf).sort();
}

it('one payment is one trace: application, request, post, batch, commit, and the consumer of its event in Kafka', async () => {
  const [database, sink, prefix] = [await createTestDatabase(), await startOtlpSink(), uniqueName()];
  const server = await startServer(
    readConfig({
      DATABASE_URL: database.url,
      PORT: '0',
      OPERATOR_API_KEY: OPERATOR_KEY,
      LOG_LEVEL: 'silent',
      KAFKA_BROKERS: (await testBrokers()).join(','),
      KAFKA_TOPIC_PREFIX: prefix,
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    }),
  );
  const baseUrl = server.url;
  const client = (await runExample('propagation.inject', { createClient, baseUrl }, 'client')) as MicroPayClient;
  const operator = createClient({ baseUrl, apiKey: OPERATOR_KEY });
  const payee = await createClient({ baseUrl }).auth.register({
    email: `${prefix}-payee@example.com`,
    password: 'correct horse battery',
  });
  const { wallet } = await client.auth.register({ email: `${prefix}@example.com`, password: 'correct horse battery' });
  await operator.deposits.create({ wallet: wallet.id, amount: 10n, currency: 'USD' });

  const application = await trace.getTracer('shop').startActiveSpan('checkout', async (span) => {
    await client.transfers.post({ from: wallet.id, to: payee.wallet.id, amount: 5n, currency: 'USD' });
    span.end();
    return span.spanContext();
  });
  const handled: unknown[] = [];
  const topic = `${prefix}.transfers`;
  const consumer = await startConsumer(topic, (data) => handled.push(data));
  await expect.poll(() => handled.length, { timeout: 60_000 }).toBe(2);
  await consumer.disconnect();
  await server.close();

  const request = 'checkout > POST /v1/transfers';
  expect(pathsOf(sink.spans().filter(({ traceId }) => traceId === application.traceId))).toEqual([
    'checkout',
    request,
    `${request} > micropay.post`,
    `${request} > micropay.post > micropay.batch`,
    `${request} > micropay.post > micropay.batch > micropay.lock_and_decide`,
    `${request} > micropay.post > micropay.batch > micropay.write_and_commit`,
    `${request} > micropay.post > process ${topic}`,
  ]);
  await sink.close();
  await database.drop();
});
