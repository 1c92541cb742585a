import { type ChildProcess, spawn } from 'node:child_process';
import type { Ledger } from '@micropay/ledger-core';
import { afterEach, describe, expect, it } from 'vitest';
import { builtProgram } from '../../../../scripts/built-program.js';
import { times } from '../support/counts.js';
import { randomNumbers } from '../support/random.js';
import { expectSettledOnce } from '../support/settled-requests.js';
import { expectSound, openWallets, postedOf, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const script = new URL('../support/worker-process.ts', import.meta.url);
const processes: ChildProcess[] = [];

afterEach(() => {
  for (const child of processes.splice(0)) child.kill('SIGKILL');
});

function startWorker(name: string): ChildProcess {
  const child = spawn(process.execPath, [...builtProgram(script), bed.url, name], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  processes.push(child);
  return child;
}

/** Every third asks for more than there is. */
async function submit(ledger: Ledger, count: number): Promise<void> {
  const results = await ledger.requests.submitMany(
    Array.from({ length: count }, (_, index) => ({
      from: index % 3 === 0 ? 'poor' : 'rich',
      to: 'shop',
      amount: 1n,
      currency: 'USD',
      idempotencyKey: `key-${index}`,
    })),
  );
  expect(results.every(({ ok }) => ok)).toBe(true);
}

async function bookOf(name: string): Promise<Ledger> {
  const ledger = bed.ledger({ name });
  await openWallets(ledger, { rich: 1_000_000n, poor: 0n, shop: 0n });
  return ledger;
}

/** Each step's own lock of the test's, at which the worker is stopped. */
const STEPS = [
  ['the transfers are in the journal', 'insert on micropay.transfers'],
  ['the balances are moved', 'update on micropay.balances'],
  ['the requests are settled', 'update on micropay.transfer_requests'],
  ['the events of the refusals are written', 'insert on micropay.events'],
] as const;

describe('a worker that is killed', () => {
  it.each(STEPS)(
    'a worker that is killed when %s leaves no trace, and the next one settles all of it',
    async (step, moment) => {
      const name = `step-${moment.replaceAll(/\W+/g, '-')}`;
      const ledger = await bookOf(name);
      await submit(ledger, 9);
      const gate = await bed.connect();
      await gate.query('select pg_advisory_lock(42)');
      await bed.sql(`create or replace function micropay.wait_at_gate() returns trigger language plpgsql as
      $$ begin
        perform set_config('lock_timeout', '0', true);
        perform pg_advisory_xact_lock_shared(42);
        return null;
      end $$`);
      await bed.sql(`create trigger gate after ${moment} for each statement execute function micropay.wait_at_gate()`);
      const waiting = async () =>
        (
          await bed.sql<{ pid: number }>(
            `select pid from pg_locks where locktype = 'advisory' and not granted and
           database = (select oid from pg_database where datname = current_database())`,
          )
        ).map(({ pid }) => pid);

      const child = startWorker(name);
      await expect.poll(waiting, { timeout: 30_000 }).toHaveLength(1);
      const [backend] = await waiting();
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await ended;
      await gate.query('select pg_advisory_unlock(42)');
      await expect
        .poll(async () => (await bed.sql('select 1 from pg_stat_activity where pid = $1', [backend])).length, {
          timeout: 30_000,
        })
        .toBe(0);
      await bed.sql(`drop trigger gate on ${moment.replace(/.* on /, '')}`);
      expect(await expectSettledOnce(bed.sql, name), step).toEqual({ open: 9, posted: 0, refused: 0 });
      expect(await postedOf(ledger, 'shop')).toBe(0n);

      startWorker(name);
      await expect.poll(() => expectSettledOnce(bed.sql, name), { timeout: 30_000 }).toMatchObject({ open: 0 });
      expect(await expectSettledOnce(bed.sql, name)).toEqual({ open: 0, posted: 6, refused: 3 });
      expect(await postedOf(ledger, 'shop')).toBe(6n);
      await expectSound(ledger);
    },
    90_000,
  );

  it('again and again, at any moment, posts nothing twice and leaves nothing open', async () => {
    const name = 'again';
    const ledger = await bookOf(name);
    const count = times(6_000);
    await submit(ledger, count);
    const random = randomNumbers(3);
    for (let kill = 0; kill < times(40); kill += 1) {
      const { open } = await expectSettledOnce(bed.sql, name);
      const [killed] = [startWorker(name), startWorker(name)];
      if (open > 0) {
        await expect
          .poll(async () => (await expectSettledOnce(bed.sql, name)).open, { timeout: 30_000, interval: 5 })
          .toBeLessThan(open);
      }
      await new Promise((resolve) => setTimeout(resolve, random(20)));
      killed?.kill('SIGKILL');
      for (const child of processes.splice(0)) child.kill('SIGKILL');
    }
    startWorker(name);
    await expect.poll(async () => (await expectSettledOnce(bed.sql, name)).open, { timeout: 60_000 }).toBe(0);
    const refused = Math.ceil(count / 3);
    expect(await expectSettledOnce(bed.sql, name)).toEqual({ open: 0, posted: count - refused, refused });
    expect(await postedOf(ledger, 'shop')).toBe(BigInt(count - refused));
    await expectSound(ledger);
  }, 300_000);
});
