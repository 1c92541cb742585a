import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from '../support/test-server.js';
import { answer, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

let server: TestServer;
const receivers: WebhookReceiver[] = [];

beforeAll(async () => {
  server = await startTestServer({ webhooks: { allowedNetworks: ['127.0.0.0/8'], limits: { pollMs: 50 } } });
  for (const address of ['fees:card', 'fees:bank'])
    await done('POST /v1/accounts', { address, currency: 'USD', minimum: null });
});
afterAll(() => server?.stop());
afterEach(async () => {
  for (const { id } of (await done('GET /v1/webhook-endpoints')).data) await done(`DELETE /v1/webhook-endpoints/${id}`);
  await Promise.all(receivers.splice(0).map((receiver) => receiver.stop()));
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

async function opened(...given: Parameters<typeof startReceiver>): Promise<WebhookReceiver> {
  const started = await startReceiver(...given);
  receivers.push(started);
  return started;
}

const pay = () => done('POST /v1/transfers', { from: 'fees:card', to: 'fees:bank', amount: '1', currency: 'USD' });

const AN_HOUR = answer(503, { 'retry-after': '3600' });

/** An endpoint at a receiver that has asked for an hour, and takes everything from now on. */
async function pausedAt(to: WebhookReceiver): Promise<string> {
  const { endpoint } = await done('POST /v1/webhook-endpoints', { url: to.url, eventTypes: ['transfer.posted.v1'] });
  const path = `/v1/webhook-endpoints/${endpoint.id}`;
  await pay();
  await expect.poll(async () => (await done(`GET ${path}/deliveries`)).data[0]?.status).toBe(503);
  to.answer(answer(204));
  return path;
}

const subjectsAt = (to: WebhookReceiver) => to.received.map(({ event }) => event.subject);

it('a receiver that has asked for a pause is sent what somebody sends again', async () => {
  const to = await opened(AN_HOUR);
  const path = await pausedAt(to);
  const [{ id }] = (await done(`GET ${path}/deliveries`)).data;
  await done(`POST ${path}/deliveries/${id}/replay`);
  await expect.poll(() => to.received.length).toBe(2);
});

it('a receiver that has asked for a pause is sent a test, and what has happened since', async () => {
  const to = await opened(AN_HOUR);
  const path = await pausedAt(to);
  const { id } = await pay();
  await done(`POST ${path}/test`);
  await expect.poll(() => to.received.map(({ event }) => event.type)).toContain('webhook.test');
  await expect.poll(() => subjectsAt(to)).toContain(id);
});

it('a range that is sent again ends a pause', async () => {
  const to = await opened();
  const { endpoint } = await done('POST /v1/webhook-endpoints', { url: to.url, eventTypes: ['transfer.posted.v1'] });
  const path = `/v1/webhook-endpoints/${endpoint.id}`;
  const { id } = await pay();
  await expect.poll(async () => (await done(`GET ${path}/deliveries?state=delivered`)).data.length).toBe(1);
  to.answer(AN_HOUR);
  await pay();
  await expect.poll(async () => (await done(`GET ${path}/deliveries`)).data[0]?.status).toBe(503);
  to.answer(answer(204));
  expect(await done(`POST ${path}/replay`, { state: 'delivered' })).toEqual({ count: 1, nextAfter: null });
  await expect.poll(() => subjectsAt(to).filter((subject) => subject === id).length).toBe(2);
});

it('an endpoint that is enabled once more has no pause any more', async () => {
  const to = await opened(AN_HOUR);
  const path = await pausedAt(to);
  await done(`PATCH ${path}`, { enabled: true });
  const { id } = await pay();
  await expect.poll(() => subjectsAt(to)).toContain(id);
});

it('an endpoint with another URL has no pause, also where the old receiver asks for one only then', async () => {
  const answers: (() => void)[] = [];
  const old = await opened((_received, response) => answers.push(() => AN_HOUR(_received, response)));
  const { endpoint } = await done('POST /v1/webhook-endpoints', { url: old.url, eventTypes: ['transfer.posted.v1'] });
  const path = `/v1/webhook-endpoints/${endpoint.id}`;
  await pay();
  await expect.poll(() => answers.length).toBe(1);
  const to = await opened();
  await done(`PATCH ${path}`, { url: to.url });
  const { id } = await pay();
  for (const late of answers) late();
  await expect.poll(() => subjectsAt(to)).toContain(id);
});
