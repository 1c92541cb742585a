import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from '../support/test-server.js';
import { answer, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

let server: TestServer;
let database: pg.Client;
const receivers: WebhookReceiver[] = [];

beforeAll(async () => {
  server = await startTestServer({
    webhooks: {
      allowedNetworks: ['127.0.0.0/8'],
      limits: {
        pollMs: 50,
        retryAfterS: [0.1, 0.1, 0.1],
        attemptTimeoutMs: 1_000,
        endpointsMax: 20,
        failuresBeforePause: 50,
      },
    },
  });
  database = new pg.Client({ connectionString: server.databaseUrl });
  await database.connect();
  for (const address of ['fees:card', 'fees:bank', 'shops:1']) {
    await done('POST /v1/accounts', { address, currency: 'USD', minimum: null });
  }
});
afterAll(async () => {
  await database?.end();
  await server?.stop();
});
afterEach(async () => {
  for (const { id } of (await done('GET /v1/webhook-endpoints')).data) await send(`DELETE /v1/webhook-endpoints/${id}`);
  await Promise.all(receivers.splice(0).map((receiver) => receiver.stop()));
});

const send = (target: string, body?: unknown) =>
  call(server.url, target, { token: OPERATOR_KEY, key: randomUUID(), ...(body === undefined ? {} : { body }) });

async function done(target: string, body?: unknown) {
  const reply = await send(target, body);
  if (reply.status >= 300) throw new Error(`${target} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

async function opened(...given: Parameters<typeof startReceiver>): Promise<WebhookReceiver> {
  const started = await startReceiver(...given);
  receivers.push(started);
  return started;
}

async function endpointAt(to: WebhookReceiver, more: object = {}) {
  const { secret, endpoint } = await done('POST /v1/webhook-endpoints', { url: to.url, ...more });
  return { secret: secret as string, id: endpoint.id as string, path: `/v1/webhook-endpoints/${endpoint.id}` };
}

const pay = (from = 'fees:card', to = 'fees:bank', more: object = {}) =>
  done('POST /v1/transfers', { from, to, amount: '1', currency: 'USD', ...more });

const ONLY_TRANSFERS = { eventTypes: ['transfer.posted.v1'] };

describe('an endpoint', () => {
  it('receives every event that is committed after it was made, signed as Standard Webhooks says', async () => {
    await pay();
    const to = await opened();
    const { secret } = await endpointAt(to);
    const { id } = await pay();
    await expect.poll(() => to.received.length).toBe(3);
    for (const { body, headers } of to.received) new Webhook(secret).verify(body, headers);
    const [posted] = to.received.filter(({ event }) => event.type === 'transfer.posted.v1');
    expect(posted?.event).toMatchObject({
      id: `${id}/transfer.posted`,
      ledger: 'main',
      subject: id,
      data: { transferId: id, fromAddress: 'fees:card', amount: '1' },
    });
    expect(posted?.headers['content-type']).toBe('application/json');
    expect(posted?.headers['webhook-id']).toMatch(/^msg_[0-9a-f-]{36}$/);
    expect(new Set(to.received.map(({ headers }) => headers['webhook-id'])).size).toBe(3);
  });

  it('receives only events that its filters let through', async () => {
    const to = await opened();
    await endpointAt(to, { ...ONLY_TRANSFERS, accountPath: 'fees:card', metadata: { shop: 'berlin' } });
    await pay('fees:card', 'fees:bank', { metadata: { shop: 'paris' } });
    await pay('fees:bank', 'shops:1', { metadata: { shop: 'berlin' } });
    const { id } = await pay('shops:1', 'fees:card', { metadata: { shop: 'berlin', more: [1] } });
    await expect.poll(() => to.received.length).toBe(1);
    expect(to.received[0]?.event).toMatchObject({ type: 'transfer.posted.v1', subject: id });
  });

  it('signs with both secrets for as long as a rotation says, and with the new one afterwards', async () => {
    const to = await opened();
    const { id, secret: old, path } = await endpointAt(to, ONLY_TRANSFERS);
    const rotated = await done(`POST ${path}/rotate-secret`, { overlapSeconds: 600 });
    expect(rotated.secret).not.toBe(old);
    await pay();
    await expect.poll(() => to.received.length).toBe(1);
    const [first] = to.received;
    for (const secret of [old, rotated.secret]) new Webhook(secret).verify(first?.body ?? '', first?.headers ?? {});
    await database.query(`update micropay.webhook_endpoints set previous_until = now() where id = $1`, [id]);
    await pay();
    await expect.poll(() => to.received.length).toBe(2);
    const second = to.received[1];
    new Webhook(rotated.secret).verify(second?.body ?? '', second?.headers ?? {});
    expect(() => new Webhook(old).verify(second?.body ?? '', second?.headers ?? {})).toThrow('No matching signature');
  });

  it('shows its secret once', async () => {
    const to = await opened();
    const { secret, path } = await endpointAt(to);
    const told = [await done(`GET ${path}`), await done(`PATCH ${path}`, {}), await done('GET /v1/webhook-endpoints')];
    expect(JSON.stringify(told)).not.toContain(secret.slice('whsec_'.length));
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  });

  it('keeps what waits while it is disabled, and sends it in order once it is enabled', async () => {
    const to = await opened();
    const { path } = await endpointAt(to, { ...ONLY_TRANSFERS, ordered: 'account' });
    expect(await done(`PATCH ${path}`, { enabled: false })).toMatchObject({
      enabled: false,
      disabledReason: 'operator',
    });
    const ids = [(await pay()).id, (await pay()).id, (await pay()).id];
    await expect.poll(async () => (await done(`GET ${path}/deliveries`)).data.length).toBe(3);
    expect(to.received).toEqual([]);
    expect(await done(`PATCH ${path}`, { enabled: true })).toMatchObject({ enabled: true, disabledReason: null });
    await expect.poll(() => to.received.map(({ event }) => event.subject)).toEqual(ids);
  });

  it('receives nothing more once it is deleted', async () => {
    const [gone, other] = [await opened(), await opened()];
    const { path } = await endpointAt(gone);
    await endpointAt(other, ONLY_TRANSFERS);
    expect((await send(`DELETE ${path}`)).status).toBe(204);
    await pay();
    await expect.poll(() => other.received.length).toBe(1);
    expect(gone.received).toEqual([]);
    for (const target of [
      `GET ${path}`,
      `PATCH ${path}`,
      `DELETE ${path}`,
      `GET ${path}/deliveries`,
      `POST ${path}/test`,
    ])
      expect(await send(target, target.startsWith('PATCH') ? {} : undefined)).toMatchObject({
        status: 404,
        body: { code: 'webhook_endpoint_not_found' },
      });
  });

  it.each([
    'http://10.0.0.1/',
    'https://[::1]/',
    'https://127.1/',
    'https://169.254.169.254/latest',
    'https://user:secret@example.com/',
    'https://example.com/#part',
    'ftp://example.com/',
    'not a url',
  ])('is refused for the URL %s', async (url) => {
    // 127.0.0.0/8 is allowed here, so that literal of loopback is not.
    const expected = url === 'https://127.1/' ? 201 : 422;
    const reply = await send('POST /v1/webhook-endpoints', { url });
    expect(reply.status).toBe(expected);
    if (expected === 422) expect(reply.body.code).toBe('webhook_url_refused');
  });

  it('is refused where the ledger has as many as it may have', async () => {
    const to = await opened();
    const made = await Promise.all(
      Array.from({ length: 25 }, () => send('POST /v1/webhook-endpoints', { url: to.url })),
    );
    expect(made.filter(({ status }) => status === 201)).toHaveLength(20);
    expect(
      made.filter(({ status, body }) => status === 409 && body.code === 'too_many_webhook_endpoints'),
    ).toHaveLength(5);
  });

  it('is not made or changed by a key that may not read events', async () => {
    const scopes = ['webhooks:read', 'webhooks:write'];
    const { key } = await done('POST /v1/api-keys', { name: 'hooks-only', scopes });
    const body = { url: 'https://example.com/' };
    const reply = await call(server.url, 'POST /v1/webhook-endpoints', { token: key, body });
    expect(reply).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });
});

describe('a delivery', () => {
  it('is tried again with the same id until it is taken, and the log says what happened', async () => {
    const to = await opened(answer(500));
    const { path } = await endpointAt(to, ONLY_TRANSFERS);
    const { id } = await pay();
    await expect.poll(() => to.received.length).toBeGreaterThan(1);
    expect((await done(`GET ${path}/deliveries`)).data[0]).toMatchObject({
      eventId: `${id}/transfer.posted`,
      eventType: 'transfer.posted.v1',
      state: 'pending',
      status: 500,
      error: 'bad_status',
      finishedAt: null,
    });
    to.answer(answer(200));
    await expect.poll(async () => (await done(`GET ${path}/deliveries?state=delivered`)).data.length).toBe(1);
    const [delivery] = (await done(`GET ${path}/deliveries`)).data;
    expect(delivery).toMatchObject({ state: 'delivered', status: 200, error: null, nextAttemptAt: null });
    expect(delivery.attempts).toBe(to.received.length);
    expect(new Set(to.received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([`msg_${delivery.id}`]));
  });

  it('is given up after the last attempt, and the endpoint is disabled', async () => {
    const to = await opened(answer(503));
    const { path } = await endpointAt(to, ONLY_TRANSFERS);
    await pay();
    await expect.poll(async () => (await done(`GET ${path}`)).disabledReason).toBe('failing');
    expect(to.received).toHaveLength(4);
    // The endpoint is disabled before the result is stored.
    await expect
      .poll(async () => (await done(`GET ${path}/deliveries`)).data[0])
      .toMatchObject({ state: 'failed', attempts: 4 });
  });

  it('ends an endpoint that answers 410 at once', async () => {
    const to = await opened(answer(410));
    const { path } = await endpointAt(to, ONLY_TRANSFERS);
    await pay();
    await expect.poll(async () => (await done(`GET ${path}`)).disabledReason).toBe('gone');
    expect(to.received).toHaveLength(1);
  });

  it('waits as long as the receiver asks in Retry-After', async () => {
    const to = await opened(answer(429, { 'retry-after': '2' }));
    await endpointAt(to, ONLY_TRANSFERS);
    await pay();
    await expect.poll(() => to.received.length, { timeout: 5_000 }).toBe(2);
    const [first, second] = to.received;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(1_900);
  });

  it.each<[string, Parameters<typeof startReceiver>[0], object]>([
    ['redirects', answer(302, { location: 'http://127.0.0.1:1/' }), { error: 'redirect', status: 302 }],
    ['drops the connection', (_received, response) => response.destroy(), { error: 'connection_failed', status: null }],
    ['hangs', () => undefined, { error: 'timeout', status: null }],
    [
      'begins an answer that does not end',
      (_received, response) => response.writeHead(200).write('.'),
      { error: 'timeout', status: null },
    ],
  ])('fails where the receiver %s', async (_name, answering, expected) => {
    const to = await opened(answering);
    const { path } = await endpointAt(to, ONLY_TRANSFERS);
    await pay();
    await expect
      .poll(async () => (await done(`GET ${path}/deliveries`)).data[0], { timeout: 4_000 })
      .toMatchObject(expected);
  });

  it('succeeds where the answer is 200 and without an end, of which little is read', async () => {
    const to = await opened((_received, response) => response.writeHead(200).end(Buffer.alloc(4_000_000)));
    const { path } = await endpointAt(to, ONLY_TRANSFERS);
    await pay();
    await expect.poll(async () => (await done(`GET ${path}/deliveries?state=delivered`)).data.length).toBe(1);
  });

  it('is sent again when it is asked for, with the same id', async () => {
    const to = await opened();
    const { path } = await endpointAt(to, ONLY_TRANSFERS);
    await pay();
    await expect.poll(async () => (await done(`GET ${path}/deliveries?state=delivered`)).data.length).toBe(1);
    const [{ id }] = (await done(`GET ${path}/deliveries`)).data;
    expect(await done(`POST ${path}/deliveries/${id}/replay`)).toMatchObject({ state: 'pending', attempts: 0 });
    await expect
      .poll(() => to.received.map(({ headers }) => headers['webhook-id']))
      .toEqual([`msg_${id}`, `msg_${id}`]);
    expect(await send(`POST ${path}/deliveries/${randomUUID()}/replay`)).toMatchObject({
      status: 404,
      body: { code: 'webhook_delivery_not_found' },
    });
  });

  it('is sent again with others of a range of positions or of times', async () => {
    const to = await opened();
    const { path } = await endpointAt(to, ONLY_TRANSFERS);
    for (let count = 0; count < 4; count += 1) await pay();
    await expect.poll(async () => (await done(`GET ${path}/deliveries?state=delivered`)).data.length).toBe(4);
    const [first, second, third, last] = (await done(`GET ${path}/deliveries`)).data.sort(
      (a: { position: string }, b: { position: string }) => Number(a.position) - Number(b.position),
    );
    const range = { after: first.position, through: third.position };
    expect(await done(`POST ${path}/replay`, range)).toEqual({ count: 2, nextAfter: null });
    await expect.poll(() => to.received.length).toBe(6);
    expect(new Set(to.received.slice(4).map(({ event }) => event.id))).toEqual(
      new Set([second.eventId, third.eventId]),
    );
    await expect.poll(async () => (await done(`GET ${path}/deliveries?state=delivered`)).data.length).toBe(4);
    expect(await done(`POST ${path}/replay`, { from: last.createdAt, state: 'failed' })).toMatchObject({ count: 0 });
    expect((await done(`POST ${path}/replay`, { from: last.createdAt })).count).toBeGreaterThanOrEqual(1);
  });

  it('is listed page by page, and a cursor is of its endpoint alone', async () => {
    const to = await opened();
    const { path } = await endpointAt(to);
    const other = await endpointAt(await opened());
    await pay();
    await expect.poll(async () => (await done(`GET ${path}/deliveries`)).data.length).toBe(3);
    const whole = (await done(`GET ${path}/deliveries`)).data.map(({ id }: { id: string }) => id);
    const page = await done(`GET ${path}/deliveries?limit=2`);
    const next = await done(`GET ${path}/deliveries?limit=2&cursor=${page.nextCursor}`);
    expect([...page.data, ...next.data].map(({ id }) => id)).toEqual(whole);
    expect(next.nextCursor).toBeNull();
    expect((await send(`GET ${other.path}/deliveries?cursor=${page.nextCursor}`)).body.code).toBe('invalid_cursor');
  });

  it('can be of a test event, whatever the filters of the endpoint', async () => {
    const to = await opened();
    const { path, secret } = await endpointAt(to, ONLY_TRANSFERS);
    expect(await done(`POST ${path}/test`)).toMatchObject({
      eventType: 'webhook.test',
      position: '0',
      state: 'pending',
    });
    await expect.poll(() => to.received.length).toBe(1);
    const [received] = to.received;
    expect(new Webhook(secret).verify(received?.body ?? '', received?.headers ?? {})).toMatchObject({
      type: 'webhook.test',
      data: {},
    });
  });

  it('carries the trace context of the request that its event comes from', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const to = await opened();
    const { path } = await endpointAt(to, ONLY_TRANSFERS);
    await done(`PATCH ${path}`, { enabled: false });
    await pay();
    await expect.poll(async () => (await done(`GET ${path}/deliveries`)).data.length).toBe(1);
    const [{ id }] = (await done(`GET ${path}/deliveries`)).data;
    await database.query('update micropay.webhook_messages set traceparent = $2 where id = $1', [id, traceparent]);
    await done(`PATCH ${path}`, { enabled: true });
    await expect.poll(() => to.received[0]?.headers.traceparent).toBe(traceparent);
  });
});

describe('deliveries in order', () => {
  it('of an account come one after the other, and one that fails holds back that account alone', async () => {
    const failing = new Set<string>();
    const to = await opened((received, response) =>
      response.writeHead(failing.has(received.event.subject) ? 500 : 204).end(),
    );
    const { path } = await endpointAt(to, { ...ONLY_TRANSFERS, ordered: 'account', accountPath: 'shops' });
    for (const name of ['a', 'b']) await done('POST /v1/accounts', { address: `shops:${name}`, currency: 'USD' });
    await done(`PATCH ${path}`, { enabled: false });
    const toA: string[] = [];
    const toB: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      toA.push((await pay('fees:card', 'shops:a')).id);
      toB.push((await pay('fees:card', 'shops:b')).id);
    }
    failing.add(toA[0] ?? '');
    await done(`PATCH ${path}`, { enabled: true });
    const taken = () => to.received.map(({ event }) => event.subject);
    await expect.poll(() => taken().filter((id) => toB.includes(id))).toEqual(toB);
    expect(taken().filter((id) => toA.includes(id) && id !== toA[0])).toEqual([]);
    failing.clear();
    await expect.poll(() => [...new Set(taken().filter((id) => toA.includes(id)))]).toEqual(toA);
  });
});
