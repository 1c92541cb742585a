import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whyNoKafka } from '../src/libraries.js';
import { type LocalKafka, startKafka } from '../src/start-kafka.js';

const reason = whyNoKafka();
let kafka: LocalKafka | undefined;

beforeEach((context) => {
  if (reason === undefined) return;
  if (process.env.CI) throw new Error(`Kafka's tests are not skipped in CI: this one ${reason}`);
  context.skip(reason);
});
afterEach(() => kafka?.stop());

it('keeps what it has acknowledged through a kill, on the same port', async () => {
  kafka = await startKafka();
  const client = new Kafka({ brokers: [kafka.broker], logLevel: logLevel.NOTHING });
  const admin = client.admin();
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 });
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }] });
  await producer.connect();
  await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'before' }] });

  await kafka.kill();
  await kafka.restart();

  await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'after' }] });
  const [partition] = await admin.fetchTopicOffsets('kept');
  expect(partition?.offset).toBe('2');
  await producer.disconnect();
  await admin.disconnect();
});

it.each(['SIGKILL', 'SIGTERM'] as const)('ends with the process that started it, by %s', async (signal) => {
  const script = fileURLToPath(new URL('hold-kafka.ts', import.meta.url));
  const holder = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [host = '', port] = await new Promise<string[]>((resolve) => {
    createInterface(holder.stdout).once('line', (line) => resolve(line.split(':')));
  });
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), host, () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  expect(await answers()).toBe(true);
  holder.kill(signal);
  await expect.poll(answers, { timeout: 20_000 }).toBe(false);
});
