import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createWebhookBacklog, type WebhookBacklog } from '../support/webhook-backlog.js';

const ONE = { endpointsMax: 1, failingMax: 1, deliveriesMax: 8 };
const ON = new AbortController().signal;

let backlog: WebhookBacklog;
beforeAll(async () => {
  backlog = await createWebhookBacklog();
});
afterAll(() => backlog?.stop());
beforeEach(() => backlog.clear());

const count = async (condition: string) =>
  (await backlog.client.query(`select count(*)::int as n from webhook_deliveries where ${condition}`)).rows[0].n;
const setQueue = (assignments: string) => backlog.client.query(`update webhook_queues set ${assignments}`);

it('however many deliveries a clock has delayed, they are brought forward a thousand at a time', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { to: 1_500, due: '1 day', account: 'null' });
  // Behind others, and made at a time that is not yet.
  await backlog.wait(id, { from: 1_501, to: 3_500, due: '1 day', age: '-1 day' });
  await backlog.client.query('update webhook_deliveries set waits = true where position > 1500');
  await backlog.queueOf().bringForward(ON);
  expect(await count('due_at > clock_timestamp()')).toBe(0);
  const { rows } = await backlog.client.query(
    'select count(*)::int as n from webhook_deliveries group by xmin::text order by n desc',
  );
  expect(rows[0].n).toBeLessThanOrEqual(1_000);
});

it('a delivery that is tried again later is not brought forward, and one that was tried at a time that is not yet is', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { to: 2, due: '1 day', account: 'null' });
  await backlog.client.query(
    `update webhook_deliveries set attempts = 1, attempted_at = due_at - case position when 1 then interval '2 days'
       else interval '1 minute' end`,
  );
  await backlog.queueOf().bringForward(ON);
  expect(await count(`position = 1 and due_at > clock_timestamp() + interval '23 hours'`)).toBe(1);
  expect(await count(`position = 2 and due_at < clock_timestamp() + interval '2 minutes'`)).toBe(1);
});

it('an endpoint that is due later than its deliveries is brought forward to them', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id);
  await setQueue(`due_at = clock_timestamp() + interval '1 hour'`);
  const queue = backlog.queueOf();
  expect(await queue.claim(ONE)).toEqual([]);
  await queue.bringForward(ON);
  expect((await queue.claim(ONE)).flatMap(({ deliveries }) => deliveries)).toHaveLength(1);
});

it('an endpoint that has asked for a pause is left alone until then, unless that is longer than a pause can be', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id);
  const queue = backlog.queueOf();
  const pauseFor = async (interval: string) => {
    await setQueue(`not_before = clock_timestamp() + interval '${interval}', failures = 1`);
    await setQueue('due_at = not_before');
    await queue.bringForward(ON);
    return (await queue.claim(ONE)).length;
  };
  expect(await pauseFor('10 minutes')).toBe(0);
  expect(await pauseFor('1 day')).toBe(1);
});

it('nothing more is brought forward once the process stops', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id, { due: '1 day' });
  await backlog.queueOf().bringForward(AbortSignal.abort());
  expect(await count('due_at > clock_timestamp()')).toBe(1);
});
