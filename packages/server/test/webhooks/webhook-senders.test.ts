import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { createLedger, type Ledger } from '@micropay/ledger-core';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { type MicropayProcess, startMicropay } from '../support/run-micropay.js';
import { OPERATOR_KEY } from '../support/test-server.js';
import { startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const isLong = process.env.MICROPAY_TEST_LONG === '1';
const KILLS = isLong ? 30 : 3;
const ACCOUNTS = ['shops:1', 'shops:2', 'shops:3'];

let database: TestDatabase;
let ledger: Ledger;
let receiver: WebhookReceiver;
const processes: MicropayProcess[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const { child } of processes.splice(0)) child.kill('SIGKILL');
  await receiver?.stop();
});
afterAll(async () => {
  await ledger?.close();
  await database?.drop();
});

/** A server as a process; returns its URL once it listens. */
async function startProcess(): Promise<{ readonly url: string; readonly process: MicropayProcess }> {
  const started = startMicropay(['serve', '--json'], {
    cwd: tmpdir(),
    environment: {
      DATABASE_URL: database.url,
      OPERATOR_API_KEY: OPERATOR_KEY,
      PORT: '0',
      LOG_LEVEL: 'error',
      VERIFY_EVERY_HOURS: '0',
      WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
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

it('every event arrives at least once and in the order of its account, although the senders are killed each second', async () => {
  receiver = await startReceiver((_received, response) => setTimeout(() => response.writeHead(204).end(), 5));
  let { url, process: victim } = await startProcess();
  ledger = createLedger({ database: database.url, name: 'main' });
  await ledger.accounts.open({ address: 'world', currency: 'USD', minimum: null });
  for (const address of ACCOUNTS) await ledger.accounts.open({ address, currency: 'USD' });
  const made = await call(url, 'POST /v1/webhook-endpoints', {
    token: OPERATOR_KEY,
    body: { url: receiver.url, eventTypes: ['balance.changed.v1'], accountPath: 'shops', ordered: 'account' },
  });
  expect(made.status).toBe(201);

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
    const next = startProcess();
    await delay(1_000);
    victim.child.kill('SIGKILL');
    ({ url, process: victim } = await next);
  }
  isPaying = false;
  await Promise.all(paying);

  const sequencesOf = (address: string) =>
    receiver.received
      .filter(({ event }) => event.data.address === address)
      .map(({ event }) => Number(event.data.sequence));
  for (const address of ACCOUNTS) {
    const all = Array.from({ length: paid.get(address) ?? 0 }, (_, index) => index + 1);
    await expect.poll(() => new Set(sequencesOf(address)).size, { timeout: 60_000 }).toBe(all.length);
    let seen = 0;
    const firsts = sequencesOf(address).filter((sequence) => {
      const isNew = sequence > seen;
      seen = Math.max(seen, sequence);
      return isNew;
    });
    expect(firsts).toEqual(all);
  }
  expect(Math.min(...paid.values())).toBeGreaterThan(10);
}, 240_000);
