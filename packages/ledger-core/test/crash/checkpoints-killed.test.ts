import { type ChildProcess, spawn } from 'node:child_process';
import type { Ledger } from '@micropay/ledger-core';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtProgram } from '../../../../scripts/built-program.js';
import { advanceCheckpoints } from '../../src/history/checkpoints.js';
import { storeOf } from '../support/ledger-number.js';
import { openWallets, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const SCRIPT = new URL('../support/checkpoint-process.ts', import.meta.url);
const SIZES = { stretch: 5, accountPart: 2, ledgerPart: 3, mark: 2 };
const DAY = 86_400_000;
const FIRST_DAY = Date.parse('2026-01-01T00:00:00Z');
const DAYS = 7;

let ledger: Ledger;
let pool: pg.Pool;
let posted = 0;

beforeAll(async () => {
  ledger = bed.ledger();
  pool = new pg.Pool({ connectionString: bed.url, max: 1 });
  await openWallets(ledger, { alice: 0n });
});
afterAll(() => pool.end());

/** Ten transfers of one unit, each of another day and one of today, in no order of days. */
async function post(): Promise<void> {
  const requests = Array.from({ length: 10 }, (_, n) => ({
    from: 'world',
    to: 'alice',
    amount: 1n,
    currency: 'USD',
    effectiveAt: new Date(FIRST_DAY + ((n * 5) % DAYS) * DAY),
  }));
  await ledger.transfers.postMany(requests);
  posted += requests.length;
}

/** Every day's balance and totals, and what verify says, are what the postings alone say. */
async function expectRight(): Promise<void> {
  for (let day = -1; day <= DAYS; day += 1) {
    const at = new Date(FIRST_DAY + day * DAY);
    const perTen = Array.from({ length: 10 }, (_, n) => (n * 5) % DAYS).filter((of) => of <= day).length;
    const sum = BigInt((posted / 10) * perTen);
    expect((await ledger.accounts.balanceAt('alice', { at, by: 'effective' })).posted).toBe(sum);
    const [total] = (await ledger.trialBalance({ at, by: 'effective' })).totals;
    expect([total?.debits, total?.credits]).toEqual([sum, sum]);
  }
  expect((await ledger.trialBalance({ at: new Date('9999-01-01') })).totals[0]?.debits).toBe(BigInt(posted));
  expect((await ledger.verify({ pace: 'full' })).problems).toEqual([]);
}

const WAITING = `select pid from pg_stat_activity where datname = current_database()
  and application_name = 'advances checkpoints' and wait_event_type = 'Lock'`;

async function position(): Promise<string> {
  return (await bed.sql<{ position: string }>('select position::text from micropay.checkpoint'))[0]?.position ?? '0';
}

// A step writes these tables in this order: it is killed before each of them, with all before it written.
it.each([
  ['journal_stretches', 'the process'],
  ['dated_blocks', 'the connection'],
  ['dated_marks', 'the process'],
  ['checkpoint', 'the connection'],
])('a checkpoint step that is killed at %s, by the end of %s, leaves past balances right', async (table, victim) => {
  await post();
  const before = await position();
  const holder = await bed.connect();
  await holder.query('begin');
  await holder.query(`lock table micropay.${table} in share mode`);
  const worker: ChildProcess = spawn(process.execPath, [...builtProgram(SCRIPT), bed.url], { stdio: 'ignore' });
  const ended = new Promise((resolve) => worker.once('close', resolve));
  await expect.poll(() => bed.sql(WAITING), { timeout: 40_000 }).toHaveLength(1);

  if (victim === 'the process') worker.kill('SIGKILL');
  else await bed.sql(`select pg_terminate_backend(pid) from (${WAITING}) w`);
  await ended;
  await holder.query('rollback');
  await expect
    .poll(() => bed.sql(`select from pg_stat_activity where application_name = 'advances checkpoints'`))
    .toEqual([]);

  expect(await position()).toBe(before);
  await post();
  await expectRight();
  expect(await advanceCheckpoints(pool, await storeOf(bed), SIZES)).toMatchObject({ interrupted: false });
  expect(await position()).not.toBe(before);
  await expectRight();
});
