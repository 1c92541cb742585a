import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { call } from '../support/call.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from '../support/test-server.js';
import { startTestSmtp, type TestSmtp } from '../support/test-smtp.js';
import { answer, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const NOTICE_EMAIL = 'hooks@pay.example.com';

let smtp: TestSmtp;
let server: TestServer;
let database: pg.Client;
let receiver: WebhookReceiver;

beforeAll(async () => {
  smtp = await startTestSmtp();
  server = await startTestServer({
    mail: smtp.settings,
    webhooks: {
      allowedNetworks: ['127.0.0.0/8'],
      noticeEmail: NOTICE_EMAIL,
      limits: { pollMs: 50, retryAfterS: [0.1, 3_600], failuresBeforePause: 50 },
    },
  });
  database = new pg.Client({ connectionString: server.databaseUrl });
  await database.connect();
  for (const address of ['fees:card', 'fees:bank'])
    await done('POST /v1/accounts', { address, currency: 'USD', minimum: null });
});
afterAll(async () => {
  await database?.end();
  await server?.stop();
  await smtp?.stop();
});
beforeEach(async () => {
  receiver = await startReceiver(answer(410));
});
afterEach(async () => {
  for (const { id } of (await done('GET /v1/webhook-endpoints')).data) await done(`DELETE /v1/webhook-endpoints/${id}`);
  await receiver?.stop();
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

it('what was given up stays failed after its endpoint was enabled, and is sent once it is replayed', async () => {
  const { endpoint } = await done('POST /v1/webhook-endpoints', {
    url: receiver.url,
    eventTypes: ['transfer.posted.v1'],
    ordered: 'account',
  });
  const path = `/v1/webhook-endpoints/${endpoint.id}`;
  receiver.answer(answer(500));
  const { id } = await pay();
  await expect.poll(() => receiver.received.length).toBe(2);
  // The last attempt is due in an hour.
  await expect.poll(async () => (await done(`GET ${path}/deliveries`)).data[0].attempts).toBe(2);
  await database.query('update micropay.webhook_deliveries set due_at = now() where endpoint_id = $1', [endpoint.id]);
  await done(`PATCH ${path}`, { enabled: true });
  await expect.poll(async () => (await done(`GET ${path}`)).disabledReason).toBe('failing');
  const later = await pay();
  receiver.answer(answer(204));
  await done(`PATCH ${path}`, { enabled: true });
  const subjects = () => receiver.received.slice(3).map(({ event }) => event.subject);
  await expect.poll(subjects).toEqual([later.id]);
  const { data } = await done(`GET ${path}/deliveries?state=failed`);
  expect(data).toMatchObject([{ eventId: `${id}/transfer.posted`, attempts: 3 }]);
  await done(`POST ${path}/replay`, { state: 'failed' });
  await expect.poll(subjects).toEqual([later.id, id]);
});

it('a mail says which endpoint was disabled and why, once, and not where its receiver is', async () => {
  const { endpoint } = await done('POST /v1/webhook-endpoints', {
    url: receiver.url,
    description: 'The shop',
    eventTypes: ['transfer.posted.v1'],
  });
  // Those of other tests may still be on their way.
  const own = () => smtp.mails.filter(({ to, text }) => to === NOTICE_EMAIL && text.includes(endpoint.id));
  await Promise.all([pay(), pay(), pay()]);
  const mail = await vi.waitUntil(() => own()[0], { timeout: 10_000, interval: 20 });
  expect(mail.subject).toBe('A webhook endpoint was disabled');
  expect(mail.text).toContain(`${endpoint.id} (The shop)`);
  expect(mail.text).toContain('answered 410');
  expect(mail.source).not.toContain(new URL(receiver.url).host);
  const { rows } = await database.query(
    `select principal, reason from micropay.audit_log where subject = $1 and operation = 'changeWebhookEndpoint'`,
    [endpoint.id],
  );
  expect(rows).toEqual([{ principal: 'server', reason: 'gone' }]);
  // Nothing more is sent to it, and it is not told of again.
  await done(`POST /v1/webhook-endpoints/${endpoint.id}/test`);
  expect(own()).toHaveLength(1);
});
