import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from '../support/test-server.js';
import { answer, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

let server: TestServer;
let database: pg.Client;
let receiver: WebhookReceiver;

beforeAll(async () => {
  server = await startTestServer({
    webhooks: { allowedNetworks: ['127.0.0.0/8'], limits: { pollMs: 50, retryAfterS: [0.1, 3_600] } },
  });
  database = new pg.Client({ connectionString: server.databaseUrl });
  await database.connect();
  for (const address of ['fees:card', 'fees:bank'])
    await done('POST /v1/accounts', { address, currency: 'USD', minimum: null });
  receiver = await startReceiver(answer(410));
});
afterAll(async () => {
  await receiver?.stop();
  await database?.end();
  await server?.stop();
});

async function done(target: string, body?: unknown) {
  const reply = await call(server.url, target, {
    token: OPERATOR_KEY,
    key: randomUUID(),
    ...(body === undefined ? {} : { body }),
  });
  if (reply.status >= 300) throw new Error(`${target} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

const pay = () => done('POST /v1/transfers', { from: 'fees:card', to: 'fees:bank', amount: '1', currency: 'USD' });

it('an endpoint that was gone gets what it has refused, first and at once, when it is enabled', async () => {
  const { endpoint } = await done('POST /v1/webhook-endpoints', {
    url: receiver.url,
    eventTypes: ['transfer.posted.v1'],
    ordered: 'account',
  });
  const path = `/v1/webhook-endpoints/${endpoint.id}`;
  await done(`PATCH ${path}`, { enabled: false });
  const ids = [(await pay()).id, (await pay()).id, (await pay()).id];
  await expect.poll(async () => (await done(`GET ${path}/deliveries`)).data.length).toBe(3);
  await done(`PATCH ${path}`, { enabled: true });
  await expect.poll(async () => (await done(`GET ${path}`)).disabledReason).toBe('gone');
  await expect
    .poll(async () => (await database.query('select holder from micropay.webhook_queues')).rows)
    .toEqual([{ holder: null }]);
  expect(receiver.received.map(({ event }) => event.subject)).toEqual(ids.slice(0, 1));
  // As if it had failed before, and were to be tried in an hour.
  await database.query(
    `update micropay.webhook_deliveries set attempts = 2, due_at = now() + interval '1 hour' where attempts > 0`,
  );
  receiver.answer(answer(204));
  await done(`PATCH ${path}`, { enabled: true });
  await expect.poll(() => receiver.received.slice(1).map(({ event }) => event.subject)).toEqual(ids);
});
