import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient, type LiveEvent, type MicroPayClient, MicroPayError, type StreamOptions } from '../src/index.js';
import { startSwitchingProxy } from './support/switching-proxy.js';
import { OPERATOR_KEY, startServerOn, startTestServer, type TestServer } from './support/test-server.js';

const PASSWORD = 'correct horse battery';
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

async function makeUser({ baseUrl = server.url, balance = 0n } = {}) {
  const client = createClient({ baseUrl });
  const email = `${randomUUID()}@example.com`;
  const { wallet, refreshToken } = await client.auth.register({ email, password: PASSWORD });
  if (balance > 0n) await server.operator.deposits.create({ wallet: wallet.id, amount: balance, currency: 'USD' });
  const pay = (to: { wallet: string }, amount = 1n) =>
    client.transfers.post({ from: wallet.id, to: to.wallet, amount, currency: 'USD' });
  return { client, wallet: wallet.id, refreshToken, pay };
}

/** Collects the events of a stream until it ends. */
function follow(client: MicroPayClient, options: Omit<StreamOptions, 'signal'> = {}) {
  const ending = new AbortController();
  const events: LiveEvent[] = [];
  const ended = (async () => {
    for await (const event of client.events.stream({ ...options, signal: ending.signal })) events.push(event);
  })();
  // A failure is looked at where it is expected.
  ended.catch(() => undefined);
  return {
    events,
    ended,
    sequences: () =>
      events.flatMap((event) => (event.type === 'balance.changed.v1' ? [Number(event.data.sequence)] : [])),
    stop() {
      ending.abort();
      return ended;
    },
  };
}

async function openStreams(): Promise<number> {
  const response = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } });
  return Number(/^micropay_event_streams (\d+)$/m.exec(await response.text())?.[1]);
}

const upTo = (count: number, first = 1) => Array.from({ length: count }, (_, index) => index + first);

/** Resumes from the beginning, so that nothing depends on when the stream was opened. */
const FROM_START = { lastEventId: '0' };

it('a stream delivers to a user the events of their own wallets only, with amounts as bigint', async () => {
  const [alice, bob, carol] = [await makeUser({ balance: 100n }), await makeUser(), await makeUser()];
  const [hers, his, others] = [alice, bob, carol].map(({ client }) => follow(client, FROM_START));
  const transfer = await alice.pay(bob, 40n);
  await expect.poll(() => hers?.sequences()).toEqual([1, 2]);
  await expect.poll(() => his?.sequences()).toEqual([1]);
  expect(hers?.events.at(-1)).toMatchObject({
    type: 'balance.changed.v1',
    data: { accountId: alice.wallet, posted: 60n, available: 60n, change: -40n, sequence: 2n, transferId: transfer.id },
  });
  expect(hers?.events.at(-2)).toMatchObject({ type: 'transfer.posted.v1', data: { amount: 40n, toAddress: null } });
  expect(his?.events.map(({ type }) => type)).toEqual([
    'user.created.v1',
    'account.opened.v1',
    'transfer.posted.v1',
    'balance.changed.v1',
  ]);
  await delay(200);
  expect(others?.events.map(({ type }) => type)).toEqual(['user.created.v1', 'account.opened.v1']);
  await Promise.all([hers, his, others].map((stream) => stream?.stop()));
});

it('a stream continues over connections that are cut again and again, without loss or repeats', {
  timeout: 120_000,
}, async () => {
  const proxy = await startSwitchingProxy(server.url);
  const [alice, bob] = [await makeUser({ balance: 1_000n }), await makeUser()];
  proxy.cutBehindBytes = () => 500 + Math.random() * 3_000;
  const { refreshToken } = bob;
  const stream = follow(createClient({ baseUrl: proxy.url, refreshToken }), FROM_START);
  for (let round = 0; round < 12; round += 1) {
    await Promise.all(upTo(5).map(() => alice.pay(bob)));
    if (round % 4 === 0) proxy.cutAll();
  }
  await expect.poll(() => stream.sequences().length, { timeout: 60_000 }).toBeGreaterThanOrEqual(60);
  await delay(300);
  expect(stream.sequences()).toEqual(upTo(60));
  expect(new Set(stream.events.map(({ id }) => id)).size).toBe(stream.events.length);
  await stream.stop();
  await proxy.close();
});

it('a stream continues at another server process when the first stops', { timeout: 120_000 }, async () => {
  const first = await startServerOn(server.databaseUrl);
  const second = await startServerOn(server.databaseUrl);
  const proxy = await startSwitchingProxy(first.url);
  const alice = await makeUser({ balance: 1_000n });
  const bob = await makeUser({ baseUrl: proxy.url });
  const stream = follow(bob.client, FROM_START);
  const paying = (async () => {
    for (let count = 0; count < 60; count += 1) {
      await alice.pay(bob);
      await delay(10);
    }
  })();
  await expect.poll(() => stream.sequences().length).toBeGreaterThan(5);
  proxy.switchTo(second.url);
  await first.close();
  await paying;
  await expect.poll(() => stream.sequences(), { timeout: 30_000 }).toEqual(upTo(60));
  await stream.stop();
  await proxy.close();
  await second.close();
});

it('a stream ends without an error with its signal or its loop, and closes its connection', async () => {
  const proxy = await startSwitchingProxy(server.url);
  const { client } = await makeUser({ baseUrl: proxy.url });
  const stream = follow(client, FROM_START);
  await expect.poll(() => stream.events.length).toBe(2);
  await stream.stop();
  for await (const event of client.events.stream(FROM_START)) {
    expect(event.type).toBe('user.created.v1');
    break;
  }
  // One may stay idle for the calls that follow, and the streams are gone.
  await expect.poll(() => openStreams()).toBe(0);
  await proxy.close();
});

it('a stream throws permanent errors: events that are gone, and a session that has ended', async () => {
  const alice = await makeUser();
  const gone = await follow(alice.client, { lastEventId: '999999999' }).ended.catch((error: unknown) => error);
  expect(gone).toBeInstanceOf(MicroPayError);
  expect(gone).toMatchObject({ code: 'events_gone', status: 410, retryable: false });
  const stream = follow(alice.client, FROM_START);
  await expect.poll(() => stream.events.length).toBe(2);
  await alice.client.auth.logout();
  await expect(stream.ended).rejects.toMatchObject({ code: 'authentication_required' });
});
