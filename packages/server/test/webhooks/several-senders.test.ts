import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createWebhookEndpointStore } from '../../src/webhooks/endpoints/webhook-endpoint-store.js';
import type { ClaimedEndpoint, TurnResult } from '../../src/webhooks/sending/queue/delivery-queue.js';
import { createSenderBeats } from '../../src/webhooks/sending/queue/sender-beats.js';
import { createWebhookBacklog, type WebhookBacklog } from '../support/webhook-backlog.js';

const DEAD_AFTER_MS = 200;
const CLAIM = { endpointsMax: 100, failingMax: 0, deliveriesMax: 8 };

let backlog: WebhookBacklog;
beforeAll(async () => {
  backlog = await createWebhookBacklog();
});
afterAll(() => backlog?.stop());
beforeEach(() => backlog.clear());

/** A process that sends. */
function sender() {
  const holder = randomUUID();
  const beats = createSenderBeats(backlog.database, 'micropay', backlog.ledger, holder, DEAD_AFTER_MS);
  return { holder, beats, queue: backlog.queueOf(holder) };
}

type Sender = ReturnType<typeof sender>;

/** Claims what the dead have in hand, as soon as they count as dead. */
function takeOver({ beats, queue }: Sender): Promise<readonly ClaimedEndpoint[]> {
  return vi.waitUntil(
    async () => {
      await beats.freeDead();
      const claimed = await queue.claim(CLAIM);
      return claimed.length > 0 && claimed;
    },
    { timeout: 10_000, interval: 20 },
  );
}

function turnOf(endpoint: ClaimedEndpoint, state: 'delivered' | 'failed'): TurnResult {
  const error = state === 'failed' ? ('timeout' as const) : null;
  const results = endpoint.deliveries.map(({ messageId }) => ({
    messageId,
    state,
    status: null,
    error,
    durationMs: 1,
    delayS: 0,
  }));
  return { endpoint, results, failures: state === 'failed' ? 9 : 0, pauseS: 0, hasMore: false };
}

async function endpoints(count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  while (ids.length < count) ids.push(await backlog.endpoint());
  return ids;
}

const deliveries = async () =>
  (await backlog.client.query('select state, attempts from webhook_deliveries order by position')).rows;
const queues = async () => (await backlog.client.query('select holder, failures from webhook_queues')).rows;

it('two processes that claim at once share the endpoints', async () => {
  const ids = await endpoints(20);
  const [one, other] = [sender(), sender()];
  const claimed = await Promise.all(
    [one, other, one, other].map(({ queue }) => queue.claim({ ...CLAIM, endpointsMax: 5 })),
  );
  expect(
    claimed
      .flat()
      .map(({ id }) => id)
      .sort(),
  ).toEqual(ids.toSorted());
});

it('endpoints that have failed take no room of the others, however long they have been due', async () => {
  const [failing, other] = [await endpoints(10), await endpoints(5)];
  await backlog.client.query(
    `update webhook_queues set failures = 1, due_at = due_at - interval '1 hour' where endpoint_id = any($1)`,
    [failing],
  );
  const claimed = await sender().queue.claim({ ...CLAIM, endpointsMax: 5, failingMax: 2 });
  expect(claimed.filter(({ failures }) => failures === 0).map(({ id }) => id)).toEqual(other.toSorted());
  expect(claimed.filter(({ failures }) => failures > 0)).toHaveLength(2);
});

it('what a silent process has in hand goes to another, and only one of the two results counts', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id);
  const [silent, other] = [sender(), sender()];
  await silent.beats.beat();
  const [first] = await silent.queue.claim(CLAIM);
  const [second] = await takeOver(other);
  await silent.beats.beat();
  await silent.queue.settle([turnOf(first as ClaimedEndpoint, 'failed')]);
  expect(await deliveries()).toEqual([{ state: 'pending', attempts: 0 }]);
  await other.queue.settle([turnOf(second as ClaimedEndpoint, 'delivered')]);
  expect(await deliveries()).toEqual([{ state: 'delivered', attempts: 1 }]);
  expect(await queues()).toEqual([{ holder: null, failures: 0 }]);
});

it('a result of an earlier claim counts no more where the same process has claimed the endpoint again', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id);
  const [silent, other] = [sender(), sender()];
  await silent.beats.beat();
  const [first] = await silent.queue.claim(CLAIM);
  const [second] = await takeOver(other);
  await other.queue.settle([turnOf(second as ClaimedEndpoint, 'delivered')]);
  await backlog.wait(id, { from: 2 });
  await backlog.client.query('update webhook_queues set due_at = clock_timestamp()');
  await silent.beats.beat();
  const [third] = await silent.queue.claim(CLAIM);
  await silent.queue.settle([turnOf(first as ClaimedEndpoint, 'failed')]);
  expect(await queues()).toEqual([{ holder: silent.holder, failures: 0 }]);
  // Both at once, as results are stored together.
  await silent.queue.settle([
    turnOf(first as ClaimedEndpoint, 'failed'),
    turnOf(third as ClaimedEndpoint, 'delivered'),
  ]);
  expect(await deliveries()).toEqual([
    { state: 'delivered', attempts: 1 },
    { state: 'delivered', attempts: 1 },
  ]);
  expect(await queues()).toEqual([{ holder: null, failures: 0 }]);
});

it('an endpoint is not disabled by who has lost it', async () => {
  const id = await backlog.endpoint();
  await backlog.wait(id);
  const [silent, other] = [sender(), sender()];
  await silent.beats.beat();
  const [first] = await silent.queue.claim(CLAIM);
  const [second] = await takeOver(other);
  const store = createWebhookEndpointStore(backlog.database, backlog.ledger);
  const disabled = (claim: string | undefined) => store.disable(id, 'failing', claim === undefined ? {} : { claim });
  expect(await disabled(first?.claim)).toMatchObject({ disabled_at: null });
  expect(await disabled(second?.claim)).toMatchObject({ disabled_reason: 'failing' });
});

it('a process that comes back just after it was declared dead is not declared dead at once again', async () => {
  await backlog.endpoint();
  const [silent, other] = [sender(), sender()];
  await silent.beats.beat();
  await silent.queue.claim(CLAIM);
  await vi.waitUntil(
    async () => {
      await other.beats.freeDead();
      return (await queues()).every(({ holder }) => holder === null);
    },
    { timeout: 10_000, interval: 20 },
  );
  await silent.beats.beat();
  await silent.queue.claim(CLAIM);
  await other.beats.freeDead();
  expect(await queues()).toEqual([{ holder: silent.holder, failures: 0 }]);
});

it('a process that gives signs of life keeps what it has in hand', async () => {
  await backlog.endpoint();
  const [slow, other] = [sender(), sender()];
  await slow.beats.beat();
  await slow.queue.claim(CLAIM);
  const untilMs = performance.now() + 3 * DEAD_AFTER_MS;
  while (performance.now() < untilMs) {
    await slow.beats.beat();
    await other.beats.freeDead();
  }
  expect(await queues()).toEqual([{ holder: slow.holder, failures: 0 }]);
});

it('what processes had in hand whose signs of life were lost with the database is free a little later', async () => {
  await backlog.endpoint();
  const [gone, other] = [sender(), sender()];
  await gone.beats.beat();
  await gone.queue.claim(CLAIM);
  await backlog.client.query('truncate webhook_senders');
  await other.beats.freeDead();
  expect(await queues()).toEqual([{ holder: gone.holder, failures: 0 }]);
  expect(await takeOver(other)).toHaveLength(1);
});

it('a claim whose outcome got lost is let go of, and those in hand are not', async () => {
  const [lost, kept] = [await backlog.endpoint(), await backlog.endpoint()];
  const { queue } = sender();
  const claims = [await queue.claim({ ...CLAIM, endpointsMax: 1 }), await queue.claim({ ...CLAIM, endpointsMax: 1 })];
  const [first, second] = claims.flat();
  expect([first?.id, second?.id].sort()).toEqual([lost, kept].sort());
  expect((await queue.claims()).toSorted()).toEqual([first?.claim, second?.claim].toSorted());
  await queue.free([first?.claim ?? '']);
  expect((await queue.claim(CLAIM)).map(({ id }) => id)).toEqual([first?.id]);
});

it('the endpoints of the dead are freed without waiting for one that somebody has locked', async () => {
  const ids = await endpoints(5);
  const [dead, other] = [sender(), sender()];
  await dead.beats.beat();
  await dead.queue.claim(CLAIM);
  const locking = new pg.Client(backlog.url);
  await locking.connect();
  try {
    await locking.query('begin');
    await locking.query('select from micropay.webhook_queues where endpoint_id = $1 for update', [ids[2]]);
    expect((await takeOver(other)).map(({ id }) => id).sort()).toEqual(ids.filter((id) => id !== ids[2]).toSorted());
    await locking.query('rollback');
    expect((await takeOver(other)).map(({ id }) => id)).toEqual([ids[2]]);
  } finally {
    await locking.end();
  }
});
