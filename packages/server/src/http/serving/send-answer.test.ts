import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import type { Answer } from '../answer.js';
import { sendAnswer } from './send-answer.js';

let server: Server;
afterEach(() => server.close());

async function ask(answer: Answer<unknown>, onBroken: (error: unknown) => void = () => undefined, method = 'GET') {
  server = createServer((_, outgoing) => {
    const limitHeaders = { ratelimit: '"user-read";r=1;t=2' };
    sendAnswer(outgoing, { status: 200, requestId: 'r-1', limitHeaders, answer, onBroken });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { method });
}

it('an answer has its length in bytes, and the headers of every answer beside its own', async () => {
  const response = await ask({ body: { name: 'café 🙂' }, headers: { location: '/v1/x' } });
  const { date: _, connection: __, 'keep-alive': ___, ...headers } = Object.fromEntries(response.headers);
  expect(headers).toEqual({
    'cache-control': 'no-store',
    'content-length': '21',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'content-type': 'application/json',
    location: '/v1/x',
    ratelimit: '"user-read";r=1;t=2',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-request-id': 'r-1',
  });
  expect(await response.json()).toEqual({ name: 'café 🙂' });
});

it('an answer to HEAD has the headers of the whole, and no body', async () => {
  const response = await ask({ body: { a: 1 } }, undefined, 'HEAD');
  expect([response.headers.get('content-length'), await response.text()]).toEqual(['7', '']);
});

it('an answer without a body has no type', async () => {
  const response = await ask({ body: undefined });
  expect([response.headers.get('content-type'), await response.text()]).toEqual([null, '']);
});

it('a text in pieces arrives as one', async () => {
  async function* text() {
    yield 'a,b\n';
    await sleep(10);
    yield 'ü,2\n';
  }
  const response = await ask({ body: undefined, file: text(), headers: { 'content-type': 'text/csv' } });
  expect([response.headers.get('content-type'), await response.text()]).toEqual(['text/csv', 'a,b\nü,2\n']);
});

it('a text that fails on the way is cut off, and reported, so that nobody takes a part for the whole', async () => {
  async function* text() {
    yield 'a,b\n';
    await sleep(10);
    throw new Error('the database is away');
  }
  const onBroken = vi.fn();
  const response = await ask({ body: undefined, file: text() }, onBroken);
  await expect(response.text()).rejects.toThrow();
  expect(onBroken.mock.calls).toEqual([[expect.objectContaining({ message: 'the database is away' })]]);
});

it('an answer to HEAD reads nothing of a file', async () => {
  const read = vi.fn();
  async function* text() {
    read();
    yield 'a,b\n';
  }
  const response = await ask(
    { body: undefined, file: text(), headers: { 'content-type': 'text/csv' } },
    undefined,
    'HEAD',
  );
  expect(response.headers.get('content-type')).toBe('text/csv');
  expect(await response.text()).toBe('');
  expect(read).not.toHaveBeenCalled();
});

it('a client that goes before the end of a text ends its reading, and is no failure', async () => {
  let ended = false;
  async function* text() {
    try {
      for (;;) {
        yield 'x'.repeat(1_000);
        await sleep(1);
      }
    } finally {
      ended = true;
    }
  }
  const onBroken = vi.fn();
  const response = await ask({ body: undefined, file: text() }, onBroken);
  await response.body?.cancel();
  await expect.poll(() => ended).toBe(true);
  expect(onBroken).not.toHaveBeenCalled();
});
