import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { createLedger, type Ledger } from '@micropay/ledger-core';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { type MicropayProcess, startMicropay } from '../support/run-micropay.js';
import { OPERATOR_KEY } from '../support/test-server.js';
import { type Answering, answer, startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const isLong = process.env.MICROPAY_TEST_LONG === '1';
const KILLS = isLong ? 30 : 3;
const PAYMENTS = 8;
/** Loopback addresses: one of a network that the operator has allowed, and one that stands for a network that nobody has. */
const ALLOWED = '127.0.0.1/32';
const FORBIDDEN = '127.0.0.2';
const ACCOUNTS = ['shops:1', 'shops:2', 'shops:3'];

let database: TestDatabase;
let ledger: Ledger;
const receivers: WebhookReceiver[] = [];
const processes: MicropayProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const { child } of processes.splice(0)) child.kill('SIGKILL');
  await Promise.all(receivers.splice(0).map((receiver) => receiver.stop()));
});
afterAll(async () => {
  await ledger?.close();
  await database?.drop();
});

async function opened(...given: Parameters<typeof startReceiver>): Promise<WebhookReceiver> {
  const started = await startReceiver(...given);
  receivers.push(started);
  return started;
}

/** A server as a process; returns its URL once it listens. */
async function startProcess(
  allowedNetworks: string,
): Promise<{ readonly url: string; readonly process: MicropayProcess }> {
  const started = startMicropay(['serve', '--json'], {
    cwd: tmpdir(),
    environment: {
      DATABASE_URL: database.url,
      OPERATOR_API_KEY: OPERATOR_KEY,
      PORT: '0',
      LOG_LEVEL: 'error',
      VERIFY_EVERY_HOURS: '0',
      WEBHOOK_ALLOWED_NETWORKS: allowedNetworks,
    },
  });
  processes.push(started);
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    started.child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /http:\/\/127\.0\.0\.1:[0-9]+/.exec(text);
      if (found !== null) resolve(found[0]);
    });
    void started.result.then(({ stderr }) => reject(new Error(stderr)));
  });
  return { url, process: started };
}

/** What arrived of an account, each once, in the order in which it came first. */
function firstsOf({ received }: WebhookReceiver, address: string): readonly number[] {
  const sequences = received
    .filter(({ event }) => event.data.address === address)
    .map(({ event }) => Number(event.data.sequence));
  return [...new Set(sequences)];
}

/** Why attempts to an endpoint failed. */
async function errorsOf(id: string | undefined): Promise<readonly string[]> {
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    const { rows } = await client.query<{ error: string }>(
      'select distinct error from micropay.webhook_deliveries where endpoint_id = $1 and error is not null',
      [id],
    );
    return rows.map(({ error }) => error);
  } finally {
    await client.end();
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

it('every event arrives at least once, per account in order where asked and nowhere forbidden, although the senders are killed each second', async () => {
  const answerSlowly: Answering = (_received, response) => setTimeout(() => response.writeHead(204).end(), 5);
  const inOrder = await opened(answerSlowly);
  const inAnyOrder = await opened(answerSlowly);
  // One of five is dropped, one is answered with 500, one late, and one is redirected to where nothing may go.
  const forbidden = await opened(answer(204), FORBIDDEN);
  let count = 0;
  const unreliable = await opened((received, response) => {
    count += 1;
    if (count % 5 === 1) response.destroy();
    else if (count % 5 === 2) answer(500)(received, response);
    else if (count % 5 === 3) setTimeout(() => answer(204)(received, response), 500);
    else if (count % 5 === 4) answer(307, { location: forbidden.url })(received, response);
    else answer(204)(received, response);
  });
  // What was allowed when the endpoint was made is not any more.
  let { url, process: victim } = await startProcess('127.0.0.0/8');
  ledger = createLedger({ database: database.url, name: 'main' });
  await ledger.accounts.open({ address: 'world', currency: 'USD', minimum: null });
  for (const address of ACCOUNTS) await ledger.accounts.open({ address, currency: 'USD' });
  const made: { readonly id: string; readonly to: WebhookReceiver }[] = [];
  for (const [to, ordered] of [
    [inOrder, 'account'],
    [inAnyOrder, 'none'],
    [unreliable, 'none'],
    [forbidden, 'none'],
  ] as const) {
    const reply = await call(url, 'POST /v1/webhook-endpoints', {
      token: OPERATOR_KEY,
      body: { url: to.url, eventTypes: ['balance.changed.v1'], accountPath: 'shops', ordered },
    });
    expect(reply.status).toBe(201);
    made.push({ id: reply.body.endpoint.id, to });
  }
  victim.child.kill('SIGKILL');
  ({ url, process: victim } = await startProcess(ALLOWED));

  let isPaying = true;
  const paid = new Map(ACCOUNTS.map((address) => [address, 0]));
  const paying = ACCOUNTS.map(async (to) => {
    while (isPaying) {
      await ledger.transfers.post({ from: 'world', to, amount: 1n, currency: 'USD' });
      paid.set(to, (paid.get(to) ?? 0) + 1);
      await delay(100);
    }
  });
  for (let kill = 0; kill < KILLS; kill += 1) {
    const next = startProcess(ALLOWED);
    await delay(1_000);
    victim.child.kill('SIGKILL');
    ({ url, process: victim } = await next);
  }
  isPaying = false;
  await Promise.all(paying);

  for (const address of ACCOUNTS) {
    const all = upTo(paid.get(address) ?? 0);
    for (const to of [inOrder, inAnyOrder])
      await expect.poll(() => firstsOf(to, address).length, { timeout: 60_000 }).toBe(all.length);
    expect(firstsOf(inOrder, address)).toEqual(all);
    expect([...firstsOf(inAnyOrder, address)].sort((left, right) => left - right)).toEqual(all);
  }
  expect(Math.min(...paid.values())).toBeGreaterThan(10);

  // What failed is to be tried again in minutes: a replay is the same, at once.
  unreliable.answer(answer(204));
  const [, , { id = '' } = {}] = made;
  await call(url, `PATCH /v1/webhook-endpoints/${id}`, { token: OPERATOR_KEY, body: { enabled: false } });
  await call(url, `PATCH /v1/webhook-endpoints/${id}`, { token: OPERATOR_KEY, body: { enabled: true } });
  for (const address of ACCOUNTS) {
    const all = upTo(paid.get(address) ?? 0);
    await expect
      .poll(() => [...firstsOf(unreliable, address)].sort((left, right) => left - right), { timeout: 60_000 })
      .toEqual(all);
  }
  expect([forbidden.received.length, forbidden.connections()]).toEqual([0, 0]);
  expect(await errorsOf(made.at(-1)?.id)).toEqual(['forbidden_address']);
}, 240_000);

it('a process that stands still for a while sends nothing of what another has taken over', async () => {
  const own = await createTestDatabase();
  const before = database;
  database = own;
  const accounts = createLedger({ database: own.url, name: 'main' });
  try {
    // Long enough for the process to be stopped in the middle of an attempt.
    const to = await opened((_received, response) => setTimeout(() => response.writeHead(204).end(), 1_000));
    const first = await startProcess(ALLOWED);
    await accounts.accounts.open({ address: 'world', currency: 'USD', minimum: null });
    await accounts.accounts.open({ address: 'shops:1', currency: 'USD' });
    const body = { url: to.url, eventTypes: ['balance.changed.v1'], accountPath: 'shops', ordered: 'account' };
    const { status } = await call(first.url, 'POST /v1/webhook-endpoints', { token: OPERATOR_KEY, body });
    expect(status).toBe(201);
    for (let paid = 0; paid < PAYMENTS; paid += 1)
      await accounts.transfers.post({ from: 'world', to: 'shops:1', amount: 1n, currency: 'USD' });
    await expect.poll(() => to.received.length).toBeGreaterThan(0);
    first.process.child.kill('SIGSTOP');
    const second = await startProcess(ALLOWED);
    const atStop = to.received.length;
    await expect.poll(() => to.received.length, { timeout: 30_000 }).toBeGreaterThan(atStop);
    first.process.child.kill('SIGCONT');
    await expect.poll(() => firstsOf(to, 'shops:1').length, { timeout: 60_000 }).toBe(PAYMENTS);
    expect(firstsOf(to, 'shops:1')).toEqual(upTo(PAYMENTS));
    // Each was stored by one of the two.
    const path = `/v1/webhook-endpoints/${await endpointIdAt(second.url)}/deliveries`;
    await expect
      .poll(async () => {
        const { data } = (await call(second.url, `GET ${path}`, { token: OPERATOR_KEY })).body;
        return data.map(({ state, attempts }: { state: string; attempts: number }) => [state, attempts]);
      })
      .toEqual(upTo(PAYMENTS).map(() => ['delivered', 1]));
  } finally {
    for (const { child } of processes.splice(0)) child.kill('SIGKILL');
    await accounts.close();
    database = before;
    await own.drop();
  }
}, 240_000);

async function endpointIdAt(url: string): Promise<string> {
  return (await call(url, 'GET /v1/webhook-endpoints', { token: OPERATOR_KEY })).body.data[0].id;
}
