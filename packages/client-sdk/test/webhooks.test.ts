import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyWebhook, type WebhookEvent } from '../src/webhooks.js';
import { codeOf } from './support/make-user.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
let receiver: Server;
let url: string;
let secret = '';
const received: WebhookEvent[] = [];
const refused: unknown[] = [];

beforeAll(async () => {
  server = await startTestServer();
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      verifyWebhook(Buffer.concat(chunks), request.headers, secret).then(
        (event) => {
          received.push(event);
          response.writeHead(204).end();
        },
        (error: unknown) => {
          refused.push(error);
          response.writeHead(400).end();
        },
      );
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  receiver?.closeAllConnections();
  receiver?.close();
  await server?.stop();
});

it('an operator makes a webhook endpoint, receives its events, sends them again, and deletes it', async () => {
  const { webhookEndpoints, accounts } = server.operator;
  const issued = await webhookEndpoints.create({ url, eventTypes: ['account.opened.v1'], accountPath: 'fees' });
  const { id } = issued.endpoint;
  secret = issued.secret;
  const account = await accounts.open({ address: 'fees:card', currency: 'USD' });
  await expect.poll(() => received.length).toBe(1);
  expect(received[0]).toMatchObject({ type: 'account.opened.v1', subject: account.id, data: { address: 'fees:card' } });

  await expect
    .poll(async () => (await webhookEndpoints.deliveriesPage(id, { state: 'delivered' })).data.length)
    .toBe(1);
  const { data } = await webhookEndpoints.deliveriesPage(id);
  expect(data).toMatchObject([{ eventId: received[0]?.id, attempts: 1 }]);
  expect(await webhookEndpoints.replay(id, data[0]?.id ?? '')).toMatchObject({ state: 'pending' });
  await expect.poll(() => received.length).toBe(2);
  await expect
    .poll(async () => (await webhookEndpoints.deliveriesPage(id, { state: 'delivered' })).data.length)
    .toBe(1);
  expect(await webhookEndpoints.replayRange(id, { state: 'delivered' })).toBe(1);
  await expect.poll(() => received.length).toBe(3);
  expect(new Set(received.map((event) => event.id)).size).toBe(1);

  expect(await webhookEndpoints.test(id)).toMatchObject({ eventType: 'webhook.test' });
  await expect.poll(() => received.length).toBe(4);
  expect(refused).toEqual([]);

  const rotated = await webhookEndpoints.rotateSecret(id, { overlapSeconds: 60 });
  expect(rotated.secret).not.toBe(secret);
  expect(await webhookEndpoints.change(id, { enabled: false, description: null })).toMatchObject({ enabled: false });
  const listed: string[] = [];
  for await (const endpoint of webhookEndpoints.list({ limit: 1 })) listed.push(endpoint.id);
  expect(listed).toEqual([id]);
  await webhookEndpoints.delete(id);
  expect(await codeOf(webhookEndpoints.get(id))).toBe('webhook_endpoint_not_found');
});
