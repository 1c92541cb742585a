import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer } from '../../src/process/start-server.js';
import { call } from '../support/call.js';
import { OPERATOR_KEY, testConfig } from '../support/test-server.js';
import { answer, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

let database: TestDatabase;
let client: pg.Client;
let receiver: WebhookReceiver;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  receiver = await startReceiver(answer(503, { 'retry-after': '1' }));
});
afterAll(async () => {
  await receiver?.stop();
  await client?.end();
  await database?.drop();
});

const start = () =>
  startServer(testConfig(database.url, { webhooks: { allowedNetworks: ['127.0.0.0/8'], limits: { pollMs: 50 } } }));

it('what waited before the clock of the database was set back is sent as if it had not been', async () => {
  const before = await start();
  const post = async (target: string, body: unknown) => {
    const reply = await call(before.url, `POST ${target}`, { token: OPERATOR_KEY, key: randomUUID(), body });
    expect(reply.status).toBe(201);
    return reply.body;
  };
  for (const address of ['fees:card', 'fees:bank'])
    await post('/v1/accounts', { address, currency: 'USD', minimum: null });
  await post('/v1/webhook-endpoints', { url: receiver.url, eventTypes: ['transfer.posted.v1'] });
  const pay = () => post('/v1/transfers', { from: 'fees:card', to: 'fees:bank', amount: '1', currency: 'USD' });
  const failed = await pay();
  await expect.poll(() => receiver.received.length).toBeGreaterThan(0);
  const fresh = await pay();
  await expect
    .poll(async () => (await client.query('select count(*)::int as n from micropay.webhook_deliveries')).rows)
    .toEqual([{ n: 2 }]);
  await before.close();

  // Seen from a clock that is a day behind, the rows are a day ahead.
  await client.query(`update micropay.webhook_deliveries set due_at = due_at + interval '1 day',
    created_at = created_at + interval '1 day', attempted_at = attempted_at + interval '1 day'`);
  await client.query(`update micropay.webhook_queues set due_at = due_at + interval '1 day',
    not_before = not_before + interval '1 day'`);
  receiver.answer(answer(204));
  const sentBefore = receiver.received.length;
  const after = await start();
  try {
    await expect
      .poll(() => [...new Set(receiver.received.slice(sentBefore).map(({ event }) => event.subject))].sort())
      .toEqual([failed.id, fresh.id].sort());
  } finally {
    await after.close();
  }
});
