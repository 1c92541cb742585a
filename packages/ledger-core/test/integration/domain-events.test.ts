import {
  createRelay,
  defineDomainEvent,
  isCatalogueEvent,
  isDomainEvent,
  type LedgerEvent,
} from '@micropay/ledger-core';
import { createKafkaPublisher } from '@micropay/ledger-core/kafka';
import { fromPg } from '@micropay/ledger-core/pg';
import { requireKafka, testBrokers, uniqueName } from '@micropay/local-kafka/testing';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fromKafkaMessage, readTopics } from '../support/kafka-events.js';
import { createRecordingPublisher } from '../support/recording-publisher.js';
import { refusal, useTestBed } from '../support/test-bed.js';

requireKafka();
const bed = useTestBed();

const orderPlaced = defineDomainEvent({
  type: 'order.placed.v1',
  topic: 'orders',
  data: z.object({ orderId: z.guid(), note: z.string().optional() }),
});

/** Writes an order with its event in one transaction of the caller's, and ends the transaction by this statement. */
async function placeOrder(end: 'commit' | 'rollback'): Promise<string> {
  const orderId = uuidv7();
  const client = await bed.connect();
  await client.query('create table if not exists public.orders (id uuid primary key)');
  await client.query('begin');
  await client.query('insert into public.orders (id) values ($1)', [orderId]);
  await bed.ledger().within(fromPg(client)).events.write(orderPlaced, { subject: orderId, data: { orderId } });
  await client.query(end);
  return orderId;
}

describe('domain events', () => {
  it('a domain event is delivered to relays and subscriptions when its transaction commits, and never when it rolls back', async () => {
    const ended = new AbortController();
    const subscription = await bed.ledger().events.subscribe({ signal: ended.signal });
    await placeOrder('rollback');
    const orderId = await placeOrder('commit');
    const account = await bed.ledger().accounts.open({ address: `orders:${orderId}`, currency: 'USD' });

    const publisher = createRecordingPublisher();
    const relay = createRelay({ database: bed.url, sink: uniqueName(), publisher });
    relay.start();
    await expect.poll(async () => (await relay.status()).rows).toBe(0);
    await relay.stop();
    const expected = {
      ...{ id: expect.any(String), type: 'order.placed.v1', topic: 'orders', subject: orderId, ledger: 'main' },
      ...{ time: expect.any(Date), position: expect.any(BigInt), data: { orderId } },
    };
    expect(publisher.first()).toEqual([expected, expect.objectContaining({ subject: account.id })]);

    const seen: LedgerEvent[] = [];
    for await (const events of subscription) {
      seen.push(...events);
      if (seen.length >= 2) break;
    }
    ended.abort();
    expect(seen).toEqual(publisher.first());
    const [first, second] = seen;
    expect(first !== undefined && isDomainEvent(first, orderPlaced) && first.data.orderId).toBe(orderId);
    expect(second !== undefined && [isDomainEvent(second, orderPlaced), isCatalogueEvent(second)]).toEqual([
      false,
      true,
    ]);
  });

  it('a domain event reaches its own Kafka topic, which is made for its first one, as a CloudEvent', async () => {
    const orderId = await placeOrder('commit');
    const brokers = await testBrokers();
    const topicPrefix = uniqueName();
    const publisher = createKafkaPublisher({ kafka: { brokers }, topicPrefix });
    const relay = createRelay({ database: bed.url, sink: topicPrefix, publisher });
    relay.start();
    await expect.poll(async () => (await relay.status()).rows, { timeout: 60_000 }).toBe(0);
    await relay.stop();
    const messages = await readTopics(brokers, [`${topicPrefix}.orders`]);
    const delivered = messages.filter(({ key }) => String(key) === orderId).map(fromKafkaMessage);
    expect(delivered).toEqual([
      expect.objectContaining({ type: 'order.placed.v1', subject: orderId, ledger: 'main', data: { orderId } }),
    ]);
  }, 120_000);

  it.each([
    ['a type without a version', { type: 'order.placed' }, 'type'],
    ['a type of one word', { type: 'placed.v1' }, 'type'],
    ['a type in capitals', { type: 'Order.Placed.v1' }, 'type'],
    ["a type that begins as the ledger's own do", { type: 'account.renamed.v1' }, 'type'],
    ["a topic of the ledger's own", { topic: 'accounts' }, 'topic'],
    ['the topic of commands', { topic: 'commands' }, 'topic'],
    ['a topic that Kafka refuses', { topic: 'a b' }, 'topic'],
    ['a topic that Kafka may take for another', { topic: 'order_events' }, 'topic'],
    ['a topic that no prefix leaves room for', { topic: 'a'.repeat(49) }, 'topic'],
    ['no schema', { data: { orderId: 'uuid' } }, 'data'],
    ['a member that is unknown', { version: 1 }, undefined],
  ])('a definition with %s is refused', (_, change, field) => {
    const definition = { type: 'order.placed.v1', topic: 'orders', data: z.object({}), ...change };
    expect(() => defineDomainEvent(definition as never)).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        ...(field === undefined ? {} : { details: { field } }),
      }),
    );
  });

  it.each([
    ['data that the schema refuses', { orderId: 'no UUID' }, 'data.orderId'],
    ['data beyond 8 KiB', { orderId: uuidv7(), note: 'n'.repeat(8_192) }, 'data'],
    ['data that JSON cannot say', { orderId: uuidv7(), note: '\0' }, 'data.note'],
  ])('a domain event with %s is refused, and its transaction can go on', async (_, data, field) => {
    const client = await bed.connect();
    await client.query('begin');
    const write = bed.ledger().within(fromPg(client)).events.write(orderPlaced, { subject: uuidv7(), data });
    await expect(write).rejects.toEqual(refusal('invalid_request', { details: { field } }));
    await expect(client.query('select 1')).resolves.toBeDefined();
    await client.query('rollback');
  });
});
