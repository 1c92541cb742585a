import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { expectSound, postedOf, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
/** In the order of their ids, which is the order of locks. */
const IDS = [1, 2, 3].map((number) => `0190b7c4-0000-7000-8000-00000000000${number}`);
const [FIRST = '', SECOND = '', THIRD = ''] = IDS;
/** Waits for locks longer than any of these tests, and has one try. */
const PATIENT = { lockTimeoutMs: 20_000, attemptsMax: 1 };
let ledger: Ledger;
let books = 0;

beforeEach(async () => {
  books += 1;
  ledger = bed.ledger({ name: `book-${books}`, capacity: PATIENT });
  for (const [index, id] of IDS.entries()) {
    await ledger.accounts.open({ address: `account:${index + 1}`, currency: 'USD', id, minimum: null });
  }
});

const move = (from: string, to: string, idempotencyKey?: string) => ({
  from,
  to,
  amount: 1n,
  currency: 'USD',
  ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
});

async function holderOf(id: string): Promise<pg.Client> {
  const holder = await bed.connect();
  await holder.query('begin');
  await holder.query(
    `select from micropay.balances b join micropay.ledgers l on l.id = b.ledger
     where l.name = $1 and b.account_id = $2 for update of b`,
    [ledger.name, id],
  );
  return holder;
}

async function isFree(id: string): Promise<boolean> {
  const rows = await bed.sql(
    `select from micropay.balances b join micropay.ledgers l on l.id = b.ledger
     where l.name = $1 and b.account_id = $2 for update of b skip locked`,
    [ledger.name, id],
  );
  return rows.length === 1;
}

describe('locks', () => {
  it.each([
    ['from the first to the last', FIRST, THIRD],
    ['from the last to the first', THIRD, FIRST],
  ])('locks are taken in ascending order of id, for a transfer %s', async (_, from, to) => {
    const holder = await holderOf(FIRST);
    const posting = ledger.transfers.postMany([move(SECOND, THIRD), move(from, to)]);
    await bed.untilWaiting(1);
    // Behind the first account it holds nothing: whoever wants the others goes on.
    expect([await isFree(SECOND), await isFree(THIRD)]).toEqual([true, true]);
    await holder.query('commit');
    expect((await posting).map(({ ok }) => ok)).toEqual([true, true]);
  });

  it('locks are taken in ascending order in a caller’s transaction too', async () => {
    const holder = await holderOf(FIRST);
    const caller = await bed.connect();
    await caller.query('begin');
    const posting = ledger.within(fromPg(caller)).transfers.postMany([move(THIRD, SECOND), move(THIRD, FIRST)]);
    await bed.untilWaiting(1);
    expect([await isFree(SECOND), await isFree(THIRD)]).toEqual([true, true]);
    await holder.query('commit');
    await posting;
    await caller.query('commit');
  });

  it.each(['read committed', 'repeatable read', 'serializable'])(
    'locks come before the look at keys: who waited sees what was posted meanwhile (default isolation: %s)',
    async (isolation) => {
      const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`;
      const other = bed.ledger({
        database: { connectionString: bed.url, options },
        name: ledger.name,
        capacity: PATIENT,
      });
      await other.accounts.identify(FIRST);
      const caller = await bed.connect();
      await caller.query('begin isolation level read committed');
      const first = await ledger.within(fromPg(caller)).transfers.post(move(FIRST, SECOND, 'k'));
      const repeated = other.transfers.post(move(FIRST, SECOND, 'k'));
      await bed.untilWaiting(1);
      await caller.query('commit');
      expect(await repeated).toEqual({ ...first, replayed: true });
      await expectSound(ledger);
    },
  );

  it('locks come before the look at the clock: who waited is recorded after the wait', async () => {
    const holder = await holderOf(FIRST);
    const posting = ledger.transfers.post(move(FIRST, SECOND));
    await bed.untilWaiting(1);
    await sleep(50);
    const [clock] = await bed.sql<{ now: string }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::bigint::text as now',
    );
    await holder.query('commit');
    expect((await posting).recordedAt.getTime()).toBeGreaterThanOrEqual(Number(clock?.now) - 1);
  });
});

describe('a key that is posted meanwhile on other accounts', () => {
  it.each([
    ['commits', 'commit', { code: 'idempotency_key_reused' }],
    ['is rolled back', 'rollback', { amount: 1n, replayed: false }],
  ])('a key that is posted meanwhile on other accounts is waited for: the other one %s', async (_, end, expected) => {
    await ledger.accounts.open({ address: 'account:4', currency: 'USD', minimum: null });
    const twice = bed.ledger({ name: ledger.name, capacity: { ...PATIENT, attemptsMax: 2 } });
    await twice.accounts.identify(THIRD);
    const caller = await bed.connect();
    await caller.query('begin');
    await ledger.within(fromPg(caller)).transfers.post(move(FIRST, SECOND, 'k'));
    const posting = twice.transfers.post(move(THIRD, 'account:4', 'k')).catch((error: unknown) => error);
    await bed.untilWaiting(1);
    await caller.query(end);
    expect(await posting).toMatchObject(expected);
    await expectSound(ledger);
  });
});

describe('freezing', () => {
  it('concurrent freezes are one change with one event', async () => {
    const engines = [ledger, bed.ledger({ name: ledger.name }), bed.ledger({ name: ledger.name })];
    const holder = await holderOf(FIRST);
    const freezing = engines.map((engine) => engine.accounts.freeze(FIRST));
    await bed.untilWaiting(engines.length);
    await holder.query('commit');
    expect((await Promise.all(freezing)).map(({ status }) => status)).toEqual(['frozen', 'frozen', 'frozen']);
    const events = await bed.sql(
      `select from micropay.events e join micropay.ledgers l on l.id = e.ledger
       where l.name = $1 and e.type = 'account.frozen.v1'`,
      [ledger.name],
    );
    expect(events).toHaveLength(1);
  });

  it('freezing waits for a transfer under way, and refuses the next one', async () => {
    const caller = await bed.connect();
    await caller.query('begin');
    await ledger.within(fromPg(caller)).transfers.post(move(FIRST, SECOND));
    const freezing = ledger.accounts.freeze(FIRST);
    await bed.untilWaiting(1);
    const next = ledger.transfers.post(move(FIRST, SECOND)).catch((error: unknown) => error);
    await caller.query('commit');
    expect((await freezing).status).toBe('frozen');
    // Whichever of the two was first in line.
    const posted = await postedOf(ledger, SECOND);
    expect(await next).toMatchObject(posted === 2n ? { amount: 1n } : { code: 'account_frozen' });
  });
});
