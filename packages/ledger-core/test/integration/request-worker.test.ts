import { createRequestWorker, type LedgerError, type RequestWorker } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const workers: RequestWorker[] = [];
const HOUR_MS = 3_600_000;

beforeAll(async () => {
  await openWallets(bed.ledger(), { a: 1_000n, b: 0n });
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
});

const order = (idempotencyKey: string) => ({ from: 'a', to: 'b', amount: 1n, currency: 'USD', idempotencyKey });

function start(options: Parameters<typeof createRequestWorker>[0]): RequestWorker {
  const worker = createRequestWorker(options);
  workers.push(worker);
  worker.start();
  return worker;
}

it('posts at once what is requested in its process, and what was there before', async () => {
  const ledger = bed.ledger();
  const before = await ledger.requests.submit(order('before'));
  start({ ledger, pollMs: HOUR_MS });
  await expect.poll(async () => (await ledger.requests.get(before.id)).state, { timeout: 20_000 }).toBe('posted');
  const after = await ledger.requests.submit(order('after'));
  await expect.poll(async () => (await ledger.requests.get(after.id)).state, { timeout: 20_000 }).toBe('posted');
});

it('finds what another process or a caller’s transaction requested', async () => {
  const ledger = bed.ledger();
  start({ ledger, pollMs: 20 });
  const client = await bed.connect();
  await client.query('begin');
  const { id } = await ledger.within(fromPg(client)).requests.submit(order('within'));
  await client.query('commit');
  await expect.poll(async () => (await ledger.requests.get(id)).state, { timeout: 20_000 }).toBe('posted');
});

it("does not wait for an hour when the database's clock was set back by one", async () => {
  const ledger = bed.ledger();
  const { id } = await ledger.requests.submit(order('put off'));
  await bed.sql(`update micropay.transfer_requests set due_at = now() + interval '1 hour' where id = $1`, [id]);
  await ledger.requests.processRequests();
  expect((await ledger.requests.get(id)).state).toBe('posted');
});

it('goes on when the database is back, and refuses nothing for its absence', async () => {
  const proxy = await startTcpProxy(bed.url);
  const behind = bed.ledger({ database: proxy.url });
  const errors: unknown[] = [];
  start({ ledger: behind, pollMs: 20, onError: (error) => errors.push(error) });
  await behind.check();
  await proxy.close();
  const direct = bed.ledger();
  const { id } = await direct.requests.submit(order('while away'));
  await expect.poll(() => errors.length, { timeout: 20_000 }).toBeGreaterThan(0);
  // Either code is right: it depends on the statement during which the connection broke.
  expect(['database_unavailable', 'outcome_unknown']).toContain((errors[0] as LedgerError).code);
  expect((await direct.requests.get(id)).state).toBe('requested');
  start({ ledger: direct, pollMs: 20 });
  await expect.poll(async () => (await direct.requests.get(id)).state, { timeout: 20_000 }).toBe('posted');
});

it('counts a batch whose commit was not confirmed once', async () => {
  const proxy = await startTcpProxy(bed.url);
  const behind = bed.ledger({ database: proxy.url, capacity: { answerTimeoutMs: 1_000 } });
  const { id, transferId } = await behind.requests.submit(order('unconfirmed'));
  proxy.onNextCommit = 'swallow';
  await expect(behind.requests.processRequests()).rejects.toEqual(refusal('outcome_unknown', { retryable: true }));
  expect(await bed.ledger().requests.get(id)).toMatchObject({ state: 'posted', transferId });
  expect(await behind.requests.processRequests()).toEqual({ posted: 0, refused: 0, putOff: 0 });
  await behind.close();
  await proxy.close();
});

it('stops after the batch under way, and takes nothing more', async () => {
  const ledger = bed.ledger();
  const worker = start({ ledger, pollMs: 5 });
  const { id } = await ledger.requests.submit(order('last'));
  await expect.poll(async () => (await ledger.requests.get(id)).state, { timeout: 20_000 }).toBe('posted');
  await worker.stop();
  const late = await ledger.requests.submit(order('too late'));
  expect((await ledger.requests.get(late.id)).state).toBe('requested');
  await ledger.requests.processRequests();
});
