import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  createWebhookDeliveryStore,
  type WebhookDeliveryStore,
} from '../../src/webhooks/deliveries/webhook-delivery-store.js';
import { type Backlog, createWebhookBacklog, type WebhookBacklog } from '../support/webhook-backlog.js';

const KEPT_DAYS = 14;
const OLD: Backlog = { age: '15 days', due: '-15 days' };

let backlog: WebhookBacklog;
let store: WebhookDeliveryStore;
beforeAll(async () => {
  backlog = await createWebhookBacklog();
  store = createWebhookDeliveryStore(backlog.database, backlog.ledger);
});
afterAll(() => backlog?.stop());
beforeEach(() => backlog.clear());

/** Positions of deliveries, and of messages. */
async function left() {
  const { rows } = await backlog.client.query<{ deliveries: number[]; messages: number[] }>(
    `select array(select position::int from webhook_deliveries order by position) as deliveries,
       array(select event_id::int from webhook_messages order by event_id::int) as messages`,
  );
  return rows[0];
}

it('deliveries of more than 14 days ago are removed, with their messages', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { ...OLD, from: 1, state: 'delivered' });
  await backlog.wait(id, { ...OLD, from: 2, state: 'failed' });
  await backlog.wait(id, { age: '13 days', due: '-13 days', from: 3, state: 'delivered' });
  await store.removeOld(KEPT_DAYS);
  expect(await left()).toEqual({ deliveries: [3], messages: [3] });
});

it('what has waited for 14 days is removed unsent', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, OLD);
  await backlog.wait(id, { from: 2 });
  await store.removeOld(KEPT_DAYS);
  expect(await left()).toEqual({ deliveries: [2], messages: [2] });
});

it('what is tried again, or was sent again, is kept with its message for as long as it is under way', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { age: '15 days', due: '1 hour', from: 1 });
  await backlog.wait(id, { ...OLD, from: 2, to: 3, state: 'delivered' });
  expect(await store.replayRange(id, { after: '2' })).toMatchObject({ count: 1 });
  await store.removeOld(KEPT_DAYS);
  expect(await left()).toEqual({ deliveries: [1, 3], messages: [1, 3] });
});

it('a message of several deliveries is kept until the last of them is removed', async () => {
  const [one, other] = [await backlog.endpoint(), await backlog.endpoint()];
  await backlog.wait(one, { ...OLD, state: 'delivered' });
  await backlog.client.query(
    `insert into webhook_deliveries (ledger, endpoint_id, message_id, position, place, due_at, created_at)
     select ledger, $1, message_id, position, place, now(), created_at from webhook_deliveries`,
    [other],
  );
  await store.removeOld(KEPT_DAYS);
  expect(await left()).toEqual({ deliveries: [1], messages: [1] });
  await backlog.client.query(`update webhook_deliveries set due_at = now() - interval '15 days'`);
  await store.removeOld(KEPT_DAYS);
  expect(await left()).toEqual({ deliveries: [], messages: [] });
});

it('a long past is removed in steps', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { ...OLD, to: 12_000, state: 'delivered' });
  await store.removeOld(KEPT_DAYS);
  expect(await left()).toEqual({ deliveries: [], messages: [] });
});
