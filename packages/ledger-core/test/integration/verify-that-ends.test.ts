import { randomUUID } from 'node:crypto';
import type { Ledger } from '@micropay/ledger-core';
import { createPool } from '@micropay/ledger-core/pg';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inTransaction } from '../../src/postgres/connect.js';
import { createStore } from '../../src/postgres/store.js';
import type { InSnapshot } from '../../src/verify/progress.js';
import { verifyLedger } from '../../src/verify/verify.js';
import { openWallets, useTestBed } from '../support/test-bed.js';

// Between any two snapshots others write more than a snapshot reads.

const ENTRIES_PER_CHUNK = 20;
const SNAPSHOTS_MAX = 30;

const bed = useTestBed();
let ledger: Ledger;
let pool: pg.Pool;

beforeAll(async () => {
  ledger = bed.ledger();
  pool = createPool(bed.url, {
    connectionsMax: 1,
    statementTimeoutMs: 60_000,
    lockTimeoutMs: 5_000,
    answerTimeoutMs: 60_000,
  });
  await openWallets(ledger, { a: 1_000_000n, b: 0n });
});
afterAll(() => pool.end());

/** Snapshots with `write` behind each of them; a run that needs too many fails. */
function writingBetween(number: number, write: () => Promise<unknown>): InSnapshot {
  const store = { ...createStore('micropay'), ledger: number };
  let count = 0;
  return async (work) => {
    count += 1;
    if (count > SNAPSHOTS_MAX) throw new Error(`verify has not ended after ${SNAPSHOTS_MAX} snapshots`);
    const result = await inTransaction(pool, (sql) => work({ ...store, sql }), 'repeatable read');
    await write();
    return result;
  };
}

const order = () => ({ from: 'a', to: 'b', amount: 1n, currency: 'USD' });
const several = (count: number) => Array.from({ length: count }, order);

it.each([
  [
    'entries of one account',
    () => ledger.transfers.postMany(several(2 * ENTRIES_PER_CHUNK)),
    { entriesPerChunk: ENTRIES_PER_CHUNK },
  ],
  [
    'holds',
    () =>
      Promise.all(several(1_100).map((hold) => ledger.holds.place({ ...hold, expiresAt: new Date(Date.now() + 1e9) }))),
    {},
  ],
  [
    'requests',
    async () => {
      for (let part = 0; part < 3; part += 1) {
        await ledger.requests.submitMany(several(400).map((one) => ({ ...one, idempotencyKey: randomUUID() })));
      }
    },
    {},
  ],
] as const)('ends although %s come more quickly than it reads them', async (_name, write, options) => {
  await write();
  const before = (await ledger.verify({ pace: 'full' })).transfers;
  const report = await verifyLedger(writingBetween(await numberOf(), write), {
    ...options,
    pace: 'full',
  });
  expect(report).toMatchObject({ ok: true, problems: [] });
  expect(report.transfers).toBeGreaterThanOrEqual(before);
});

async function numberOf(): Promise<number> {
  const [row] = await bed.sql<{ id: number }>(`select id from micropay.ledgers where name = 'main'`);
  return row?.id ?? 0;
}
