import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { createRequestWorker, type Ledger } from '@micropay/ledger-core';
import { type CommandConsumer, type CommandConsumerOptions, createCommandConsumer } from '@micropay/ledger-core/kafka';
import { requireKafka, testBrokers, uniqueName } from '@micropay/local-kafka/testing';
import { Kafka, type LogEntry, logLevel, type Message, Partitioners } from 'kafkajs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readTopics, untilItHasLeaders } from '../support/kafka-events.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

requireKafka();
const bed = useTestBed();
const WAIT = { timeout: 60_000, interval: 50 };
const consumers: CommandConsumer[] = [];
let ledger: Ledger;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { a: 1_000_000n, b: 0n });
});
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
});

async function start(topic: string, options: Partial<CommandConsumerOptions> = {}): Promise<CommandConsumer> {
  const kafka = { brokers: await testBrokers() };
  const consumer = createCommandConsumer({ kafka, ledger, topic, groupId: topic, partitions: 3, ...options });
  consumers.push(consumer);
  consumer.start();
  return consumer;
}

/** Counts what is asked of the brokers, by its name. */
function recordRequests() {
  const asked: string[] = [];
  const logCreator = () => (entry: LogEntry) => {
    const [, name] = /^Request (\w+)/.exec(entry.log.message) ?? [];
    if (name !== undefined) asked.push(name);
  };
  const options = { logLevel: logLevel.DEBUG, logCreator };
  return { options, of: (name: string) => asked.filter((one) => one === name).length };
}

/** A command as any producer would write it. */
function command(source: string, id: string, data: object = {}): Message {
  const value = { from: 'a', to: 'b', amount: '1', currency: 'USD', ...data };
  return {
    key: id,
    value: JSON.stringify(value),
    headers: { ce_specversion: '1.0', ce_id: id, ce_source: source, ce_type: 'transfer.request.v1' },
  };
}

/** A header without a value, as other producers may send it; kafkajs writes none by itself. */
const NO_VALUE = Buffer.alloc(0);
const Encoder = createRequire(import.meta.url)('kafkajs/src/protocol/encoder');
const writeBytes = Encoder.prototype.writeVarIntBytes;
Encoder.prototype.writeVarIntBytes = function write(value: unknown) {
  return writeBytes.call(this, value === NO_VALUE ? null : value);
};

async function send(topic: string, messages: Message[]): Promise<void> {
  const kafka = new Kafka({ brokers: await testBrokers(), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await untilItHasLeaders(() => admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true }));
  await admin.disconnect();
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

async function requestsOf(source: string): Promise<number> {
  const [row] = await bed.sql<{ count: number }>(
    'select count(*)::int as count from micropay.transfer_requests where requested_by = $1',
    [source],
  );
  return row?.count ?? 0;
}

/** The number of messages of the topic that the group has not finished. */
async function lagOf(topic: string): Promise<number> {
  const admin = new Kafka({ brokers: await testBrokers(), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const [ends, [group]] = await Promise.all([
      admin.fetchTopicOffsets(topic),
      admin.fetchOffsets({ groupId: topic, topics: [topic] }),
    ]);
    const done = new Map(group?.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
    return ends.reduce((lag, { partition, high }) => lag + Number(high) - (done.get(partition) ?? 0), 0);
  } finally {
    await admin.disconnect();
  }
}

const letters = async (topic: string) => readTopics(await testBrokers(), [`${topic}.dead-letters`]);

describe('commands from Kafka', () => {
  it('commands from Kafka are posted once each, whatever is delivered again', async () => {
    const topic = uniqueName();
    const before = await postedOf(ledger, 'b');
    const commands = Array.from({ length: 300 }, (_, index) => command(topic, `id-${index}`));
    await send(topic, [...commands, ...commands.slice(0, 50)]);
    await start(topic, { batchSizeMax: 40 });
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    // Another group reads everything again, as after a lost offset.
    await start(topic, { groupId: uniqueName() });
    await send(topic, commands.slice(100, 120));
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    expect(await requestsOf(topic)).toBe(300);
    const worker = createRequestWorker({ ledger, pollMs: 10 });
    worker.start();
    await expect.poll(() => postedOf(ledger, 'b'), WAIT).toBe(before + 300n);
    await worker.stop();
    expect(await letters(topic)).toEqual([]);
  });

  it('commands from Kafka are left alone by who is stopped while the group waits for a member that was killed', async () => {
    const topic = uniqueName();
    await send(topic, [command(topic, 'id')]);
    const kafka = new Kafka({ brokers: await testBrokers(), logLevel: logLevel.NOTHING });
    let hang = () => {};
    const hanging = new Promise<void>((resolve) => {
      hang = resolve;
    });
    let took = false;
    const silent = kafka.consumer({ groupId: topic });
    await silent.connect();
    await silent.subscribe({ topic, fromBeginning: true });
    await silent.run({
      async eachMessage() {
        took = true;
        await hanging;
      },
    });
    await expect.poll(() => took, WAIT).toBe(true);
    const admin = kafka.admin();
    await admin.connect();
    const stateOf = async () => (await admin.describeGroups([topic])).groups[0]?.state;
    const consumer = await start(topic);
    await expect.poll(stateOf, WAIT).toBe('PreparingRebalance');
    const startedAtMs = performance.now();
    await consumer.stop();
    // Kafka waits half a minute for the other one.
    expect(performance.now() - startedAtMs).toBeLessThan(10_000);
    hang();
    await silent.disconnect();
    await admin.disconnect();
  });

  it('commands from Kafka that are none go to the dead letters as they came, with the reason, and the others go on', async () => {
    const topic = uniqueName();
    const good = command(topic, 'good');
    const headersOf = (changes: Message['headers']) => ({ ...good.headers, ...changes });
    const poison: readonly (readonly [string, Message])[] = [
      ['malformed_json', { key: 'json', value: Buffer.from([0, 255, 123]), headers: headersOf({ ce_id: 'json' }) }],
      ['malformed_json', { key: 'none', value: null, headers: headersOf({ ce_id: 'none' }) }],
      ['malformed_attributes', { value: '{}', headers: {} }],
      ['malformed_attributes', { value: good.value, headers: headersOf({ ce_id: ['one', 'two'] }) }],
      ['unknown_type', { value: good.value, headers: headersOf({ ce_id: 'type', ce_type: 'money.print.v1' }) }],
      ['invalid_request', command(topic, 'member', { dryRun: true })],
      ['invalid_request', command(topic, 'nul', { description: 'a\u0000b' })],
      ['unknown_currency', command(topic, 'currency', { currency: 'dollars' })],
      ['too_large', { key: 'large', value: randomBytes(200_000), headers: headersOf({ ce_id: 'large' }) }],
      ['idempotency_key_reused', { ...command(topic, 'good', { amount: '2' }), partition: 0 }],
    ];
    await send(topic, [{ ...good, partition: 0 }, ...poison.map(([, message]) => message)]);
    await send(topic, [command(topic, 'after')]);
    await start(topic);
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    expect(await requestsOf(topic)).toBe(2);
    const received = await letters(topic);
    const seen = received.map(({ headers }) => String(headers?.['dead-letter-reason']));
    expect(seen.toSorted()).toEqual(poison.map(([reason]) => reason).toSorted());
    for (const [, { key, value }] of poison) {
      const bytes = value === null ? null : Buffer.from(value as string);
      const same = received.filter((letter) => letter.value?.equals(bytes ?? Buffer.alloc(0)) ?? bytes === null);
      expect(same.length, String(key)).toBeGreaterThan(0);
    }
    const large = received.find(({ headers }) => String(headers?.['dead-letter-reason']) === 'too_large');
    const { 'dead-letter-message': message, ...headers } = large?.headers ?? {};
    expect(String(message)).toContain('65536');
    expect(Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)]))).toEqual({
      ce_specversion: '1.0',
      ce_id: 'large',
      ce_source: topic,
      ce_type: 'transfer.request.v1',
      'dead-letter-reason': 'too_large',
      'dead-letter-topic': topic,
      'dead-letter-partition': expect.stringMatching(/^[0-2]$/),
      'dead-letter-offset': expect.stringMatching(/^[0-9]+$/),
    });
  });

  it('commands from Kafka go to the dead letters as many at once as these take', async () => {
    const topic = uniqueName();
    const none = (index: number) => ({ key: 'same', value: `no command ${index}` });
    await send(
      topic,
      Array.from({ length: 400 }, (_, index) => none(index)),
    );
    // Just as much as comes at once, and with the reasons more than the dead letters take at once.
    for (let count = 0; count < 5; count += 1) await send(topic, [{ key: 'same', value: randomBytes(200_000) }]);
    const requests = recordRequests();
    await start(topic, { kafka: { brokers: await testBrokers(), ...requests.options } });
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    expect(await letters(topic)).toHaveLength(405);
    expect(requests.of('Produce')).toBeLessThan(10);
  });

  it('commands from Kafka go on when the topic of the dead letters was deleted', async () => {
    const topic = uniqueName();
    await send(topic, [{ value: 'first' }]);
    const complaints: string[] = [];
    await start(topic, { onError: (error) => complaints.push((error as Error).message) });
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    const admin = new Kafka({ brokers: await testBrokers(), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [`${topic}.dead-letters`] });
    await admin.disconnect();
    await send(topic, [{ value: 'second' }, command(topic, 'behind-it')]);
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    expect((await letters(topic)).map(({ value }) => String(value))).toEqual(['second']);
    expect(await requestsOf(topic)).toBe(1);
    expect(complaints.join()).toContain('does not host this topic-partition');
  });

  it('commands from Kafka keep their consumer in its group however long the database takes', async () => {
    const topic = uniqueName();
    const requests = recordRequests();
    let heard = 0;
    const slow = {
      requests: {
        ...ledger.requests,
        async submitMany(...orders: Parameters<Ledger['requests']['submitMany']>) {
          const before = requests.of('Heartbeat');
          await expect.poll(() => requests.of('Heartbeat'), WAIT).toBeGreaterThan(before);
          heard += 1;
          return ledger.requests.submitMany(...orders);
        },
      },
    };
    await send(topic, [command(topic, 'one')]);
    await start(topic, { ledger: slow, kafka: { brokers: await testBrokers(), ...requests.options } });
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    expect(heard).toBe(1);
  });

  it('commands from Kafka are not taken from where their dead letters go', () => {
    const topics = { topic: 'x', deadLetterTopic: 'x' };
    expect(() => createCommandConsumer({ kafka: { brokers: [] }, ledger, ...topics })).toThrow(
      refusal('invalid_request'),
    );
  });

  it('commands from Kafka can be compressed by their producers as they like: brokers store them as kafkajs reads them', async () => {
    const topic = uniqueName();
    const admin = new Kafka({ brokers: await testBrokers(), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await start(topic);
    const asked = { type: 2, name: topic, configNames: ['compression.type'] };
    const stored = async () => {
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [asked] });
      return resources[0]?.configEntries[0]?.configValue;
    };
    await expect.poll(() => stored().catch(() => undefined), WAIT).toBe('uncompressed');
    await admin.disconnect();
  });

  it('commands from Kafka may have headers without a value', async () => {
    const topic = uniqueName();
    const withNone = ({ headers, ...message }: Message, name: string) => ({
      ...message,
      headers: { ...headers, [name]: NO_VALUE },
    });
    await send(topic, [
      withNone(command(topic, 'good'), 'trace'),
      withNone(command(topic, 'no-id'), 'ce_id'),
      withNone(command(topic, 'no-type'), 'ce_type'),
      withNone(command(topic, 'bad', { amount: 5 }), 'trace'),
      { value: '{}', headers: { trace: [NO_VALUE, 'twice'] } },
    ]);
    await start(topic);
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    expect(await requestsOf(topic)).toBe(1);
    const received = await letters(topic);
    const reasons = received.map(({ headers }) => [String(headers?.['dead-letter-reason']), String(headers?.trace)]);
    expect(reasons.toSorted()).toEqual([
      ['invalid_request', ''],
      ['malformed_attributes', ',twice'],
      ['malformed_attributes', 'undefined'],
      ['unknown_type', 'undefined'],
    ]);
  });

  it('commands from Kafka wait while the database is away: none is lost, skipped or given up', async () => {
    const topic = uniqueName();
    const proxy = await startTcpProxy(bed.url);
    const behind = bed.ledger({ database: proxy.url });
    await behind.check();
    const errors: unknown[] = [];
    await send(topic, [command(topic, 'first')]);
    await start(topic, { ledger: behind, batchSizeMax: 7, onError: (error) => errors.push(error) });
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    proxy.isAway = true;
    proxy.cutAll();
    await send(
      topic,
      Array.from({ length: 50 }, (_, index) => command(topic, `away-${index}`)),
    );
    await expect.poll(() => errors.length, WAIT).toBeGreaterThan(1);
    expect([await lagOf(topic), await requestsOf(topic)]).toEqual([50, 1]);
    proxy.isAway = false;
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    expect(await requestsOf(topic)).toBe(51);
    expect(await letters(topic)).toEqual([]);
    await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
    await behind.close();
    await proxy.close();
  });

  it('commands from Kafka are taken again when a consumer ends between the database and Kafka', async () => {
    const topic = uniqueName();
    let stored = 0;
    const forgetful = {
      requests: {
        ...ledger.requests,
        async submitMany(...orders: Parameters<Ledger['requests']['submitMany']>) {
          const results = await ledger.requests.submitMany(...orders);
          stored += results.length;
          throw new Error(`the answer about ${results.length} was lost`);
        },
      },
    };
    await send(topic, [command(topic, 'a'), command(topic, 'b')]);
    const first = await start(topic, { ledger: forgetful });
    await expect.poll(() => stored, WAIT).toBeGreaterThan(0);
    await first.stop();
    expect(await lagOf(topic)).toBe(2);
    await start(topic);
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    expect(await requestsOf(topic)).toBe(2);
  });

  it('commands from Kafka are shared by consumers that come and go', async () => {
    const topic = uniqueName();
    await send(topic, [command(topic, 'first')]);
    const sent = (async () => {
      for (let batch = 0; batch < 20; batch += 1) {
        await send(
          topic,
          Array.from({ length: 20 }, (_, index) => command(topic, `batch-${batch}-${index}`)),
        );
      }
    })();
    for (let turn = 0; turn < 3; turn += 1) {
      const [staying, leaving] = [await start(topic, { batchSizeMax: 5 }), await start(topic, { batchSizeMax: 5 })];
      const before = await requestsOf(topic);
      await expect.poll(async () => (await requestsOf(topic)) > before || (await lagOf(topic)) === 0, WAIT).toBe(true);
      await leaving.stop();
      if (turn < 2) await staying.stop();
    }
    await sent;
    await expect.poll(() => lagOf(topic), WAIT).toBe(0);
    expect(await requestsOf(topic)).toBe(401);
    expect(await letters(topic)).toEqual([]);
  }, 180_000);
});
