import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createWebhookDeliveryStore } from '../../src/webhooks/deliveries/webhook-delivery-store.js';
import type { DeliveryQueue } from '../../src/webhooks/sending/queue/delivery-queue.js';
import { sendTurn } from '../../src/webhooks/sending/send-turn.js';
import { type Backlog, createWebhookBacklog, type WebhookBacklog } from '../support/webhook-backlog.js';

const ROWS = 20_000;
/** Endpoints that are claimed at once: eight times as many take eight times as long, and 64 times if all are compared with all. */
const FEW = 64;
const MANY = 512;
const TIMES_MAX = 25;
const FIRST = Array.from({ length: 16 }, (_, index) => index + 1);
const EIGHT = { endpointsMax: 32, failingMax: 32, deliveriesMax: 8 };

const ATTEMPT = { status: 204, error: null, durationMs: 1, retryAfterS: undefined };
const TAKEN = { state: 'delivered', status: 204, error: null, durationMs: 1, delayS: 0 } as const;

let backlog: WebhookBacklog;
let queue: DeliveryQueue;

beforeAll(async () => {
  backlog = await createWebhookBacklog();
  queue = backlog.queueOf();
});
afterAll(() => backlog?.stop());
beforeEach(() => backlog.clear());

function positionsOf(claimed: Awaited<ReturnType<DeliveryQueue['claim']>>): number[] {
  return claimed
    .flatMap(({ deliveries }) => deliveries.filter(({ isDue }) => isDue))
    .map(({ position }) => Number(position));
}

/** Sends until nothing is due; returns the positions in the order in which they were sent. */
async function sendAll(): Promise<number[]> {
  const positions: number[] = [];
  for (;;) {
    const [endpoint] = await queue.claim(EIGHT);
    if (endpoint === undefined) return positions;
    const send = async () => ATTEMPT;
    const { sent } = await sendTurn(endpoint.deliveries, { atOnceMax: 8, mayBegin: () => true, send });
    const deliveries = sent.map(({ delivery }) => delivery);
    positions.push(...deliveries.map(({ position }) => Number(position)));
    const results = deliveries.map(({ messageId }) => ({ ...TAKEN, messageId }));
    const hasMore = endpoint.hasMore || deliveries.length > 0;
    await queue.settle([{ endpoint, results, failures: 0, pauseS: 0, hasMore }]);
  }
}

it.each<[string, Backlog, number[]]>([
  ['of one account', { to: ROWS }, FIRST],
  ['of one account on the other side', { to: ROWS, account: `'a' || n`, other: `'hub'` }, FIRST],
  ['of two accounts each, in a chain', { to: ROWS, account: `'a' || n`, other: `'a' || n + 1` }, FIRST],
  ['of as many accounts', { to: ROWS, account: `'shops:' || (n * 7919 % 100003)` }, FIRST],
])('a queue of 20,000 deliveries %s is claimed from quickly', async (_name, kind, expected) => {
  const id = await backlog.endpoint();
  await backlog.wait(id, kind);
  const times: number[] = [];
  for (let claim = 0; claim < 3; claim += 1) {
    const startMs = performance.now();
    const claimed = await queue.claim(EIGHT);
    times.push(performance.now() - startMs);
    if (claim === 0) expect(positionsOf(claimed)).toEqual(expected);
    await queue.settle(claimed.map((endpoint) => ({ endpoint, results: [], failures: 0, pauseS: 0, hasMore: true })));
  }
  // The quickest: the machine may be busy with other tests.
  expect(Math.min(...times)).toBeLessThan(500);
});

it('the time of a claim grows with the number of endpoints, and not with its square', async () => {
  const ids: string[] = [];
  while (ids.length < MANY) ids.push(await backlog.endpoint());
  const [first = '', ...others] = ids;
  await backlog.wait(first, { to: 64, account: 'null' });
  await backlog.client.query(
    `insert into webhook_deliveries (ledger, endpoint_id, message_id, position, place, due_at)
     select ledger, id, message_id, position, place, due_at from webhook_deliveries, unnest($1::uuid[]) as given (id)`,
    [others],
  );
  await backlog.client.query('analyze webhook_deliveries');
  const claimMs = async (endpointsMax: number) => {
    const startMs = performance.now();
    const claimed = await queue.claim({ ...EIGHT, endpointsMax });
    const tookMs = performance.now() - startMs;
    expect(claimed.flatMap(({ deliveries }) => deliveries)).toHaveLength(8 * endpointsMax);
    await queue.settle(claimed.map((endpoint) => ({ endpoint, results: [], failures: 0, pauseS: 0, hasMore: true })));
    return tookMs;
  };
  const [few, many]: [number[], number[]] = [[], []];
  for (let round = 0; round < 4; round += 1) {
    few.push(await claimMs(FEW));
    many.push(await claimMs(MANY));
  }
  // The quickest: the machine may be busy with other tests.
  expect(Math.min(...many) / Math.min(...few)).toBeLessThan(TIMES_MAX);
});

it('deliveries that wait behind others are all sent, each account in order', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { to: 120, account: `'a' || n % 7`, other: `case when n % 3 = 0 then 'a' || n % 11 end` });
  const sent = await sendAll();
  expect([...sent].sort((left, right) => left - right)).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
  for (const account of Array.from({ length: 11 }, (_, index) => index)) {
    const of = sent.filter((n) => n % 7 === account || (n % 3 === 0 && n % 11 === account));
    expect(of).toEqual([...of].sort((left, right) => left - right));
  }
});

it('deliveries behind one that is tried again later hold up no other account', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { due: '1 hour' });
  await backlog.wait(id, { from: 2, to: 200 });
  await backlog.wait(id, { from: 201, to: 203, account: `'shops:2'` });
  expect(await sendAll()).toEqual([201, 202, 203]);
});

it('deliveries behind one that is removed because of its age are sent', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { due: '1 hour' });
  await backlog.wait(id, { from: 2, to: 4 });
  expect(await sendAll()).toEqual([]);
  await backlog.client.query(
    `update webhook_deliveries set created_at = now() - interval '15 days', due_at = now() - interval '15 days'
     where position = 1`,
  );
  await createWebhookDeliveryStore(backlog.database, backlog.ledger).removeOld(14);
  expect(await sendAll()).toEqual([2, 3, 4]);
});
