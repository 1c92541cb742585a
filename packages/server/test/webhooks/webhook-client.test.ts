import { afterEach, expect, it } from 'vitest';
import { createWebhookClient } from '../../src/webhooks/sending/post-webhook.js';
import { createReceiverAddresses } from '../../src/webhooks/sending/receiver-addresses.js';
import { createResolve, type Resolve } from '../../src/webhooks/sending/resolve-receiver.js';
import { startNameServer } from '../support/name-server.js';
import { answer, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

/** One loopback address stands for what may be dialled, and another one for a private network behind this server. */
const ALLOWED = '127.0.0.1';
const PRIVATE = '127.0.0.2';

const receivers: WebhookReceiver[] = [];
afterEach(() => Promise.all(receivers.splice(0).map((receiver) => receiver.stop())));

async function opened(...given: Parameters<typeof startReceiver>): Promise<WebhookReceiver> {
  const started = await startReceiver(...given);
  receivers.push(started);
  return started;
}

const portOf = ({ url }: WebhookReceiver) => new URL(url).port;
const v4 = (address: string) => ({ address, family: 4 });

/** What comes of one request. */
async function post(url: string, resolve: Resolve = createResolve(), client = clientWith(resolve)) {
  const { signal } = new AbortController();
  const { status, error } = await client.post({ url, headers: {}, body: '{}', timeoutMs: 2_000, signal });
  return { status, error };
}

const clientWith = (resolve: Resolve) => createWebhookClient(createReceiverAddresses([`${ALLOWED}/32`]), resolve);

it('a webhook goes to the address that was checked: the name is not looked up again for the connection', async () => {
  const [allowed, secret] = [await opened(), await opened(answer(204), PRIVATE)];
  let asked = 0;
  const rebinding: Resolve = async () => {
    asked += 1;
    return [v4(asked === 1 ? ALLOWED : PRIVATE)];
  };
  expect(await post(`http://receiver.test:${portOf(allowed)}/`, rebinding)).toEqual({ status: 204, error: null });
  expect(asked).toBe(1);
  expect(await post(`http://receiver.test:${portOf(secret)}/`, rebinding)).toEqual({
    status: null,
    error: 'forbidden_address',
  });
  expect([allowed.received.length, secret.received.length, secret.connections()]).toEqual([1, 0, 0]);
});

it('a name that a name server points elsewhere between two requests is sent to once, and nothing is dialled afterwards', async () => {
  const [allowed, secret] = [await opened(), await opened(answer(204), PRIVATE)];
  const names = await startNameServer([ALLOWED, PRIVATE]);
  try {
    const resolve = createResolve([names.address]);
    expect(await post(`http://receiver.test:${portOf(allowed)}/`, resolve)).toEqual({ status: 204, error: null });
    expect(names.asked).toEqual(['receiver.test']);
    for (const port of [portOf(allowed), portOf(secret)]) {
      expect(await post(`http://receiver.test:${port}/`, resolve)).toEqual({
        status: null,
        error: 'forbidden_address',
      });
    }
    expect(names.asked.length).toBe(3);
    expect([allowed.connections(), secret.connections()]).toEqual([1, 0]);
  } finally {
    await names.stop();
  }
});

it('a webhook goes nowhere if one of the addresses of a name is forbidden', async () => {
  const [allowed, secret] = [await opened(), await opened(answer(204), PRIVATE)];
  const both: Resolve = async () => [v4(ALLOWED), v4(PRIVATE)];
  for (const port of [portOf(allowed), portOf(secret)]) {
    expect(await post(`http://receiver.test:${port}/`, both)).toEqual({ status: null, error: 'forbidden_address' });
  }
  expect([allowed.connections(), secret.connections()]).toEqual([0, 0]);
});

it.each([
  (port: string) => `http://${PRIVATE}:${port}/`,
  (port: string) => `http://127.2:${port}/`,
  (port: string) => `http://2130706434:${port}/`,
  (port: string) => `http://0x7f.0.0.2:${port}/`,
  (port: string) => `http://0177.0.0.02:${port}/`,
  (port: string) => `http://[::ffff:127.0.0.2]:${port}/`,
  (port: string) => `http://[::ffff:7f00:2]:${port}/`,
  (port: string) => `https://${PRIVATE}:${port}/`,
  (port: string) => `http://localhost:${port}/`,
  (port: string) => `http://0.0.0.0:${port}/`,
  (port: string) => `http://[::]:${port}/`,
  (port: string) => `http://[::1]:${port}/`,
])('a webhook is not sent to %s, in no notation of a forbidden address', async (urlAt) => {
  const secret = await opened(answer(204), PRIVATE);
  expect(await post(urlAt(portOf(secret)))).toEqual({ status: null, error: 'forbidden_address' });
  expect(secret.connections()).toBe(0);
});

it('a webhook goes to public addresses by https alone', async () => {
  // The first is refused before anything is dialled; nothing here reaches the Internet.
  expect(await post('http://1.1.1.1/')).toEqual({ status: null, error: 'forbidden_address' });
  expect(await post('http://receiver.test/', async () => [v4('1.1.1.1')])).toMatchObject({
    error: 'forbidden_address',
  });
});

it('a webhook follows no redirect', async () => {
  const secret = await opened(answer(204), PRIVATE);
  const redirecting = await opened(answer(307, { location: secret.url }));
  expect(await post(redirecting.url)).toEqual({ status: 307, error: 'redirect' });
  expect([redirecting.received.length, secret.connections()]).toEqual([1, 0]);
});

it.each([
  ['with the protocol', { connection: 'upgrade', upgrade: 'websocket' }],
  ['without a protocol', {}],
])('a receiver that answers 101 %s has not taken the webhook', async (_name, headers) => {
  const switching = await opened(answer(101, headers));
  expect(await post(switching.url)).toEqual({ status: 101, error: 'bad_status' });
});

it('a webhook says why it could not be sent', async () => {
  const plain = await opened();
  const gone = await opened();
  await gone.stop();
  const missing: Resolve = () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
  expect(await post(`https://${ALLOWED}:${portOf(plain)}/`)).toEqual({ status: null, error: 'tls_failed' });
  expect(await post(gone.url)).toEqual({ status: null, error: 'connection_failed' });
  expect(await post('https://receiver.test/', missing)).toEqual({ status: null, error: 'name_not_found' });
});

it('a webhook is sent again at once where the receiver had just closed the idle connection', async () => {
  const closing = await opened((received, response) => {
    response.writeHead(204).end();
    if (received.event.last !== true) response.once('finish', () => response.socket?.destroy());
  });
  const client = clientWith(createResolve());
  for (let count = 0; count < 5; count += 1) {
    expect(await post(closing.url, undefined, client)).toEqual({ status: 204, error: null });
  }
});
