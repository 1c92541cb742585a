import type { LedgerEvent } from '@micropay/ledger-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createWebhookSink } from '../../src/webhooks/sink/webhook-sink.js';
import { createWebhookBacklog, type WebhookBacklog } from '../support/webhook-backlog.js';

let backlog: WebhookBacklog;
beforeAll(async () => {
  backlog = await createWebhookBacklog();
});
afterAll(() => backlog?.stop());
beforeEach(() => backlog.clear());

const ENDPOINTS = 5;
const EVENTS = Array.from({ length: 1_000 }, (_, index) => ({
  id: `event-${index}`,
  type: 'order.placed.v1',
  subject: 's',
  ledger: 'backlog',
  time: new Date(0),
  position: BigInt(index + 1),
  data: {},
})) as unknown as readonly LedgerEvent[];

const count = async () =>
  (await backlog.client.query<{ n: number }>('select count(*)::int as n from webhook_deliveries')).rows[0]?.n;

it('many deliveries are written in parts: a server that stops does not write them all, and the next one does', async () => {
  for (let made = 0; made < ENDPOINTS; made += 1) await backlog.endpoint();
  const stopping = new AbortController();
  const sinkWith = (signal: AbortSignal, onWritten: () => void) =>
    createWebhookSink({ database: backlog.database, ledger: backlog.ledger, keptDays: 14, onWritten, signal });
  const first = sinkWith(stopping.signal, () => stopping.abort());
  await expect(first.publish(EVENTS)).rejects.toThrow('aborted');
  const written = await count();
  expect(written).toBeGreaterThan(0);
  expect(written).toBeLessThan(EVENTS.length * ENDPOINTS);
  let parts = 0;
  await sinkWith(new AbortController().signal, () => {
    parts += 1;
  }).publish(EVENTS);
  expect(await count()).toBe(EVENTS.length * ENDPOINTS);
  // Senders hear of each part, and begin before the last is written.
  expect(parts).toBeGreaterThan(1);
});
