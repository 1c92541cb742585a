import { afterEach, describe, expect, it } from 'vitest';
import { PAYMENT, TRANSFER, USER, WALLET } from '../test/support/examples.js';
import {
  type Act,
  answer,
  hangUp,
  hangUpInBody,
  refuse,
  type ScriptedServer,
  startScriptedServer,
  stayMute,
} from '../test/support/scripted-server.js';
import { type ClientOptions, createClient } from './client.js';
import { MicroPayError } from './errors.js';

let server: ScriptedServer;

afterEach(() => server.close());

async function clientOf(acts: readonly Act[], options: Partial<ClientOptions> = {}) {
  server = await startScriptedServer(...acts);
  return createClient({ baseUrl: server.url, accessToken: 'a-token', ...options });
}

async function failure(work: Promise<unknown>): Promise<MicroPayError> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MicroPayError);
  return error as MicroPayError;
}

const keysSeen = () => server.seen.map(({ headers }) => headers['idempotency-key']);

describe('repeats', () => {
  it.each<[name: string, act: Act]>([
    ['a connection that broke', hangUp],
    ['an answer that broke off', hangUpInBody],
    ['408', (response) => void response.writeHead(408, { Connection: 'close' }).end()],
    ['429', refuse(429, 'rate_limited')],
    ['500', refuse(500, 'internal_error')],
    ['503', refuse(503, 'database_unavailable')],
    ['the error page of a proxy', (response) => void response.writeHead(502).end('<html>')],
  ])('the client retries with the same key and body after %s', async (_name, act) => {
    const client = await clientOf([act, act, answer(201, TRANSFER)]);
    const transfer = await client.transfers.post(PAYMENT);
    expect(transfer).toMatchObject({ id: TRANSFER.id, amount: 1_250n, replayed: false });
    expect(server.seen).toHaveLength(3);
    expect(new Set(keysSeen()).size).toBe(1);
    expect(new Set(server.seen.map(({ body }) => body)).size).toBe(1);
  });

  it('the client uses another key for another call', async () => {
    const client = await clientOf([answer(201, TRANSFER)]);
    await client.transfers.post(PAYMENT);
    await client.transfers.post(PAYMENT);
    expect(new Set(keysSeen()).size).toBe(2);
    expect(keysSeen()[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  it('the client retries with the key that it was given', async () => {
    const client = await clientOf([hangUp, answer(201, TRANSFER, { 'Idempotent-Replayed': 'true' })]);
    const transfer = await client.transfers.post(PAYMENT, { idempotencyKey: 'order-1042' });
    expect(transfer.replayed).toBe(true);
    expect(keysSeen()).toEqual(['order-1042', 'order-1042']);
  });

  it('the client waits as long as Retry-After says', async () => {
    const client = await clientOf([refuse(503, 'overloaded', { 'Retry-After': '1' }), answer(201, TRANSFER)]);
    await client.transfers.post(PAYMENT);
    const [first, second] = server.seen;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  it('the client retries no more often than allowed, and names the key', async () => {
    const client = await clientOf([hangUp], { retriesMax: 2 });
    const error = await failure(client.transfers.post(PAYMENT, { idempotencyKey: 'order-1042' }));
    expect(error).toMatchObject({ code: 'network_error', retryable: true, idempotencyKey: 'order-1042' });
    expect(error.status).toBeUndefined();
    expect(server.seen).toHaveLength(3);
  });

  it('the client never retries a refusal', async () => {
    const client = await clientOf([refuse(422, 'insufficient_funds')]);
    const error = await failure(client.transfers.post(PAYMENT));
    expect(error).toMatchObject({ code: 'insufficient_funds', status: 422, detail: 'what to do', retryable: false });
    expect(server.seen).toHaveLength(1);
  });

  it('the client does not retry if it would have to wait too long, and says how long', async () => {
    const client = await clientOf([refuse(429, 'rate_limited', { 'Retry-After': '120' })]);
    const error = await failure(client.transfers.post(PAYMENT));
    expect(error).toMatchObject({ code: 'rate_limited', retryAfterMs: 120_000 });
    expect(server.seen).toHaveLength(1);
  });

  it("the client compares a date in Retry-After with the server's clock", async () => {
    const dates = { Date: 'Sun, 06 Nov 1994 08:49:37 GMT', 'Retry-After': 'Sun, 06 Nov 1994 08:51:37 GMT' };
    const client = await clientOf([refuse(429, 'rate_limited', dates)]);
    expect(await failure(client.transfers.post(PAYMENT))).toMatchObject({ retryAfterMs: 120_000 });
  });

  it('the client retries a registration only if nothing was done', async () => {
    const registered = { user: USER, wallet: WALLET, accessToken: 'a', refreshToken: 'r', expiresIn: 600 };
    const client = await clientOf([
      refuse(429, 'rate_limited', { 'Retry-After': '0' }),
      hangUp,
      answer(201, registered),
    ]);
    const error = await failure(client.auth.register({ email: USER.email, password: 'a good and long password' }));
    expect(error.code).toBe('network_error');
    expect(server.seen).toHaveLength(2);
  });
});

describe('gives up', () => {
  it('the client gives up an attempt that takes too long, and retries', async () => {
    const client = await clientOf([stayMute, answer(201, TRANSFER)], { timeoutMs: 1_000 });
    await client.transfers.post(PAYMENT);
    expect(server.seen).toHaveLength(2);
  });

  it('the client fails with a code when every attempt takes too long', async () => {
    const client = await clientOf([stayMute], { timeoutMs: 400, retriesMax: 1 });
    expect(await failure(client.transfers.post(PAYMENT))).toMatchObject({ code: 'timeout', retryable: true });
    expect(server.seen).toHaveLength(2);
  });

  it('the client gives up when its signal aborts during an attempt', async () => {
    const client = await clientOf([stayMute]);
    const giveUp = new AbortController();
    const call = client.transfers.post(PAYMENT, { signal: giveUp.signal, idempotencyKey: 'order-1042' });
    await expect.poll(() => server.seen).toHaveLength(1);
    giveUp.abort();
    expect(await failure(call)).toMatchObject({ code: 'aborted', retryable: false, idempotencyKey: 'order-1042' });
    expect(server.seen).toHaveLength(1);
  });

  it('the client gives up when its signal aborts between two attempts', async () => {
    const client = await clientOf([refuse(503, 'overloaded', { 'Retry-After': '20' })]);
    const startedAt = performance.now();
    const call = client.transfers.post(PAYMENT, { signal: AbortSignal.timeout(200) });
    expect(await failure(call)).toMatchObject({ code: 'aborted' });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('the client sends nothing if its signal has already aborted', async () => {
    const client = await clientOf([answer(201, TRANSFER)]);
    const call = client.transfers.post(PAYMENT, { signal: AbortSignal.abort() });
    expect(await failure(call)).toMatchObject({ code: 'aborted' });
    expect(server.seen).toHaveLength(0);
  });

  it('the client gives up when the response is not from MicroPay', async () => {
    const client = await clientOf([(response) => void response.end('<html>hello</html>')]);
    expect(await failure(client.me())).toMatchObject({ code: 'invalid_response' });
  });
});
