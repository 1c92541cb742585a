import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchReport, Ledger, PostTransfer } from '@micropay/ledger-core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let books = 0;
let reports: BatchReport[];
let ledger: Ledger;

beforeEach(async () => {
  books += 1;
  reports = [];
  ledger = bed.ledger({
    name: `book-${books}`,
    capacity: { lockTimeoutMs: 600 },
    onBatch: (report) => reports.push(report),
  });
  await openWallets(ledger, { alice: 10n, bob: 0n });
  reports.length = 0;
});
afterEach(() => vi.restoreAllMocks());

const pay = (part: Partial<PostTransfer> = {}): PostTransfer => ({
  from: 'alice',
  to: 'bob',
  amount: 1n,
  currency: 'USD',
  ...part,
});

/** A connection that keeps an account locked until it commits. */
async function lock(address: string) {
  const { id } = await ledger.accounts.get(address);
  const client = await bed.connect();
  await client.query('begin');
  await client.query('select from micropay.balances where account_id = $1 for update', [id]);
  return client;
}

function fails(): never {
  throw new Error('the observer throws');
}

it('a batch is reported once, with its requests, the transfers in them and its times', async () => {
  await Promise.all([
    ledger.transfers.post(pay()),
    ledger.transfers.post(pay({ amount: 99n })).catch(() => undefined),
    ledger.transfers.postLinked([pay(), pay()]),
  ]);
  await vi.waitFor(() => expect(reports).toHaveLength(1));
  const [report] = reports;
  expect(report).toMatchObject({ requests: 3, transfers: 4, failedRuns: [], parked: 0 });
  expect(report?.queuedMs).toBeGreaterThanOrEqual(0);
  expect(report?.lockMs).toBeGreaterThan(0);
  expect(report?.transactionMs).toBeGreaterThan(report?.lockMs ?? Number.POSITIVE_INFINITY);
});

it('a batch that waits for another transaction says how long its locks took, and how long what came behind it waited', async () => {
  const client = await lock('alice');
  const first = ledger.transfers.post(pay());
  await bed.untilWaiting(1);
  const second = ledger.transfers.post(pay());
  await sleep(40);
  await client.query('commit');
  await Promise.all([first, second]);
  await vi.waitFor(() => expect(reports).toHaveLength(2));
  expect(reports[0]?.lockMs).toBeGreaterThan(35);
  expect(reports[1]?.queuedMs).toBeGreaterThan(35);
});

it('requests that are parked are counted once, however often they are tried again', async () => {
  const client = await lock('alice');
  const parked = [ledger.transfers.post(pay()), ledger.transfers.post(pay())];
  const allParked = { accepted: 2, queued: 0, parked: 2 };
  await vi.waitFor(() => expect(ledger.engineStatus()).toMatchObject(allParked), 5_000);
  const late = ledger.transfers.post(pay());
  await vi.waitFor(() => expect(ledger.engineStatus().parked).toBe(3));
  await sleep(60);
  await client.query('commit');
  await Promise.all([...parked, late]);
  await vi.waitFor(() => expect(ledger.engineStatus()).toMatchObject({ accepted: 0, parked: 0 }));
  expect(reports[0]).toMatchObject({ requests: 2, parked: 2, failedRuns: ['55P03'] });
  expect(reports.reduce((sum, report) => sum + report.parked, 0)).toBe(3);
  expect(reports.filter(({ queuedMs }) => queuedMs === null).length).toBeGreaterThan(1);
});

it('a batch whose connection is cut reports why its first run failed', async () => {
  const client = await lock('alice');
  const paid = ledger.transfers.post(pay());
  await bed.untilWaiting(1);
  await bed.sql(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`);
  await client.query('commit');
  await paid;
  await vi.waitFor(() => expect(reports).toHaveLength(1));
  expect(reports[0]?.failedRuns).toEqual(['57P01']);
});

it('a request that PostgreSQL refuses is reported by SQLSTATE, with the halves in which it was found', async () => {
  await bed.sql('alter table micropay.transfers add constraint unlucky check (amount <> 7)');
  const outcomes = await Promise.allSettled([pay({ amount: 7n }), pay()].map((one) => ledger.transfers.post(one)));
  await bed.sql('alter table micropay.transfers drop constraint unlucky');
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  await vi.waitFor(() => expect(reports).toHaveLength(1));
  expect(reports[0]).toMatchObject({ requests: 2, failedRuns: ['23514', '23514'] });
});

it.each([
  ['throws', fails],
  ['rejects', async () => fails()],
])('an observer of batches that %s fails no payment, and a warning says so once', async (_how, onBatch) => {
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const observed = bed.ledger({ name: `book-${books}`, onBatch });
  await observed.transfers.post(pay());
  await observed.transfers.post(pay());
  await observed.close();
  expect(warnings).toHaveBeenCalledTimes(1);
  expect(warnings).toHaveBeenCalledWith(expect.stringContaining('onBatch failed'), 'LedgerWarning');
});

it('an engine says what its connections do', async () => {
  await ledger.transfers.post(pay());
  const small = bed.ledger({ name: `book-${books}`, capacity: { readConnectionsMax: 1, queueMax: 5 } });
  expect(small.engineStatus()).toEqual({
    accepted: 0,
    queued: 0,
    parked: 0,
    queueMax: 5,
    lanes: { open: 0, max: 1 },
    reads: { open: 0, inUse: 0, waiting: 0, max: 1 },
    longReads: { open: 0, inUse: 0, waiting: 0, max: 1 },
  });
  await small.accounts.get('alice');
  const client = await bed.connect();
  await client.query('begin; lock table micropay.balances in access exclusive mode');
  const reads = Promise.all([small.accounts.get('alice'), small.accounts.get('bob'), small.accounts.get('world')]);
  await vi.waitFor(() => expect(small.engineStatus().reads).toMatchObject({ inUse: 1, waiting: 2 }));
  await client.query('commit');
  await reads;
  expect(small.engineStatus().reads).toEqual({ open: 1, inUse: 0, waiting: 0, max: 1 });
  await small.transfers.post(pay());
  expect(small.engineStatus().lanes).toEqual({ open: 1, max: 1 });
});

it('an observer of batches must be a function', () => {
  expect(() => bed.ledger({ onBatch: 'log' as never })).toThrow(refusal('invalid_request'));
});
