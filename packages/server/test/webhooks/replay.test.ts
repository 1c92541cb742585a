import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  createWebhookDeliveryStore,
  type DeliveryRange,
  type WebhookDeliveryStore,
} from '../../src/webhooks/deliveries/webhook-delivery-store.js';
import { createWebhookBacklog, type WebhookBacklog } from '../support/webhook-backlog.js';

let backlog: WebhookBacklog;
let store: WebhookDeliveryStore;
beforeAll(async () => {
  backlog = await createWebhookBacklog();
  store = createWebhookDeliveryStore(backlog.database, backlog.ledger);
});
afterAll(() => backlog?.stop());
beforeEach(() => backlog.clear());

/** Repeats the request as its answers say; returns the counts. */
async function replayAll(endpointId: string, range: DeliveryRange): Promise<readonly number[]> {
  const counts: number[] = [];
  let after = range.after;
  for (;;) {
    const { count, nextAfter } = await store.replayRange(endpointId, { ...range, after });
    counts.push(count);
    if (nextAfter === null) return counts;
    after = nextAfter;
  }
}

const positions = async (state: string) =>
  (
    await backlog.client.query<{ n: number }>(
      'select position::int as n from webhook_deliveries where state = $1 order by position',
      [state],
    )
  ).rows.map(({ n }) => n);

it('a long range is sent again in several requests, each delivery once', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { to: 7_500, state: 'delivered' });
  await backlog.wait(id, { from: 7_501, to: 7_510 });
  expect(await replayAll(id, {})).toEqual([5_000, 2_500]);
  expect(await positions('delivered')).toEqual([]);
});

it('a range of positions and states is all that is sent again', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { to: 10, state: 'delivered' });
  await backlog.wait(id, { from: 11, to: 20, state: 'failed' });
  expect(await store.replayRange(id, { after: '8', through: '13', state: 'failed' })).toEqual({
    count: 3,
    nextAfter: null,
  });
  expect(await positions('pending')).toEqual([11, 12, 13]);
});

it('a few failed deliveries are found among many that were taken, and no request looks at all of them', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { to: 120_000, state: 'delivered' });
  await backlog.client.query(`update webhook_deliveries set state = 'failed' where position in (5, 119999)`);
  expect(await replayAll(id, { state: 'failed' })).toEqual([1, 1]);
  expect(await positions('pending')).toEqual([5, 119_999]);
});

it('events of one position are sent again together', async () => {
  const id = await backlog.endpoint();
  // The 1,000th and the 1,001st are of one position.
  await backlog.wait(id, { to: 1_000, state: 'delivered' });
  await backlog.wait(id, { from: 1_000, to: 1_002, state: 'delivered' });
  expect(await replayAll(id, {})).toEqual([1_003]);
});

it('test events are in no range', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { from: 0, state: 'failed' });
  expect(await store.replayRange(id, {})).toEqual({ count: 0, nextAfter: null });
});
