import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../src/index.js';
import { startLossyProxy } from './support/lossy-proxy.js';
import { codeOf, makeUser } from './support/make-user.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());

it('a user asks for payouts and cancels one; an operator makes the others', async () => {
  const alice = await makeUser(server, { balance: 5_000n });
  const { payouts } = alice.client;
  const queue = server.operator.payouts;
  const ask = (amount: bigint) =>
    payouts.request({ from: alice.wallet, amount, currency: 'USD', destination: { iban: 'DE00' } });
  const [paid, failed, cancelled] = [await ask(1_000n), await ask(200n), await ask(30n)];
  expect(paid).toMatchObject({ amount: 1_000n, state: 'requested', destination: { iban: 'DE00' }, replayed: false });
  expect(JSON.parse(JSON.stringify(paid)).amount).toBe('1000');
  expect(await payouts.cancel(cancelled.id)).toMatchObject({ state: 'cancelled', amount: 30n });

  const ids: string[] = [];
  for await (const { id } of queue.queue({ limit: 1 })) ids.push(id);
  expect(ids).toEqual([paid.id, failed.id]);
  await queue.take(paid.id, { idempotencyKey: 'take-1' });
  expect((await queue.take(paid.id, { idempotencyKey: 'take-1' })).replayed).toBe(true);
  expect(await codeOf(queue.take(paid.id))).toBe('payout_processing');
  expect(await codeOf(payouts.cancel(paid.id))).toBe('payout_processing');
  expect((await queue.queuePage({ state: 'processing' })).data).toMatchObject([{ id: paid.id }]);
  expect(await queue.pay(paid.id, { reference: 'po_1' })).toMatchObject({ state: 'paid', reference: 'po_1' });
  expect(await codeOf(queue.pay(failed.id, { reference: 'po_2' }))).toBe('payout_not_taken');
  await queue.fail(failed.id, { reason: 'No such account' });
  expect(await payouts.get(failed.id)).toMatchObject({ state: 'failed', reason: 'No such account', amount: 200n });
  expect(await codeOf(payouts.cancel(failed.id))).toBe('payout_ended');
  expect((await alice.money()).available).toBe(4_000n);

  const own: string[] = [];
  for await (const { state } of payouts.list({ limit: 2 })) own.push(state);
  expect(own.sort()).toEqual(['cancelled', 'failed', 'paid']);
  expect((await payouts.listPage()).nextCursor).toBeNull();
  expect(await codeOf(payouts.queuePage())).toBe('forbidden');
});

it('a payout is asked for, taken up and paid once although responses are lost', async () => {
  const proxy = await startLossyProxy(server.url);
  try {
    const alice = await makeUser(server, { baseUrl: proxy.url, balance: 100n });
    const operator = createClient({ baseUrl: proxy.url, apiKey: OPERATOR_KEY });
    proxy.lose(2);
    const order = { from: alice.wallet, amount: 60n, currency: 'USD', destination: { iban: 'DE00' } };
    const { id, replayed } = await alice.client.payouts.request(order);
    expect(replayed).toBe(true);
    proxy.lose(1);
    expect(await operator.payouts.take(id)).toMatchObject({ state: 'processing', replayed: true });
    proxy.lose(1);
    expect(await operator.payouts.pay(id, { reference: 'po_3' })).toMatchObject({ state: 'paid', replayed: true });
    expect(await alice.money()).toMatchObject({ posted: 40n, available: 40n });
  } finally {
    await proxy.close();
  }
});
