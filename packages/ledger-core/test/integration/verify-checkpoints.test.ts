import type { Ledger } from '@micropay/ledger-core';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rebuildCheckpoints } from '../../src/history/checkpoints.js';
import { makeJournal } from '../support/journal.js';
import { storeOf } from '../support/ledger-number.js';
import { useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const HOUR = 3_600_000;
const EPOCH = Date.parse('2026-01-01T00:00:00Z');
const SIZES = { stretch: 10, accountPart: 4, ledgerPart: 10, mark: 4 };

let ledger: Ledger;
let pool: pg.Pool;
/** Connected as somebody who may do anything, and whom no trigger stops. */
let intruder: pg.Client;

/** Again when it was interrupted: a long transaction of another test on the same server is enough for that. */
async function rebuild(): Promise<void> {
  while ((await rebuildCheckpoints(pool, await storeOf(bed), SIZES)).interrupted);
}

beforeAll(async () => {
  ledger = bed.ledger();
  pool = new pg.Pool({ connectionString: bed.url, max: 1 });
  intruder = await bed.connect();
  await intruder.query('set session_replication_role = replica; set search_path = micropay');
  const journal = await makeJournal(bed, ledger, 4);
  await journal.write(
    Array.from({ length: 95 }, (_, n) => ({
      from: n % 3,
      to: 3,
      amount: BigInt(n + 1),
      kind: 'transfer' as const,
      recordedMs: EPOCH + n * HOUR,
      effectiveMs: n % 4 === 0 ? null : EPOCH + ((n * 37) % 50) * HOUR,
    })),
  );
});
afterAll(() => pool.end());

it.each([3, 20, 10_000])(
  'finds nothing wrong with checkpoints, made or not, in chunks of %i',
  async (entriesPerChunk) => {
    const verify = () => ledger.verify({ pace: 'full', accountsPerChunk: 3, entriesPerChunk });
    expect((await verify()).problems).toEqual([]);
    await rebuild();
    expect((await verify()).problems).toEqual([]);
  },
);

const NIL = `'00000000-0000-0000-0000-000000000000'`;
const aBlock = `(scope, starts_at) = (select scope, starts_at from dated_blocks where scope = :three order by starts_at offset 2 limit 1)`;
const aMark = `(account_id, position) = (select account_id, position from dated_marks where account_id = :three order by position offset 1 limit 1)`;
const aStretch = 'through = (select distinct through from journal_stretches order by through offset 4 limit 1)';
const aLine = `(through, type) = (select through, type from journal_stretches order by through, type offset 2 limit 1)`;

it.each<[string, string, string, 'three' | null]>([
  [
    'a changed sum of a stretch',
    `update journal_stretches set debits = debits + 1 where ${aLine}`,
    'stretch after',
    null,
  ],
  ['a changed dated sum', `update journal_stretches set dated_credits = 0 where ${aLine}`, 'stretch after', null],
  [
    'a changed time of a stretch',
    `update journal_stretches set last_recorded_at = last_recorded_at + interval '1 ms' where ${aLine}`,
    'stretch after',
    null,
  ],
  [
    'a stretch that begins elsewhere',
    `update journal_stretches set begins_after = begins_after - 1 where ${aLine}`,
    'stretch',
    null,
  ],
  ['a missing line of a stretch', `delete from journal_stretches where ${aLine}`, 'none', null],
  ['a missing stretch', `delete from journal_stretches where ${aStretch}`, 'none', null],
  [
    'a stretch too many',
    `insert into journal_stretches select ledger, begins_after, through - 1, currency, type, first_recorded_at, last_recorded_at,
       debits, credits, dated_debits, dated_credits from journal_stretches where ${aStretch}`,
    'a stretch after',
    null,
  ],
  ['a position that lies too high', 'update checkpoint set position = position + 10000', '10', null],
  ['a position that lies too low', 'update checkpoint set position = position - 10', 'a stretch after', null],
  ['a position that is gone', 'delete from checkpoint', 'a stretch after', null],
  ['a changed sum of a block', `update dated_blocks set credits = credits + 1 where ${aBlock}`, 'block from', 'three'],
  [
    'a changed count of a block',
    `update dated_blocks set entries = entries - 1 where ${aBlock}`,
    'block from',
    'three',
  ],
  [
    'a changed end of a block',
    `update dated_blocks set last_at = last_at - interval '1 minute' where ${aBlock}`,
    'block from',
    'three',
  ],
  [
    'a changed start of a block',
    `update dated_blocks set starts_at = starts_at + interval '1 minute' where ${aBlock}`,
    'block',
    'three',
  ],
  ['a missing block', `delete from dated_blocks where ${aBlock}`, 'block from', 'three'],
  ['all blocks of an account missing', 'delete from dated_blocks where scope = :three', 'none', 'three'],
  [
    'a first block that begins late',
    'delete from dated_blocks where scope = :three and starts_at = (select min(starts_at) from dated_blocks where scope = :three)',
    'none',
    'three',
  ],
  [
    'a changed block of the ledger',
    `update dated_blocks set debits = 0 where scope = ${NIL} and starts_at = '-infinity'`,
    '',
    null,
  ],
  ['all blocks of the ledger missing', `delete from dated_blocks where scope = ${NIL}`, 'none', null],
  ['a changed mark', `update dated_marks set credits = credits - 1 where ${aMark}`, 'mark at', 'three'],
  ['a mark elsewhere', `update dated_marks set position = position - 2 where ${aMark}`, 'mark at', 'three'],
])('names %s', async (_, damage, found, account) => {
  const { id } = await ledger.accounts.get('3');
  await rebuild();
  try {
    const { rowCount } = await intruder.query(damage.replaceAll(':three', `'${id}'`));
    expect(rowCount).toBeGreaterThan(0);
    // Of this size, some scopes are taken together, some alone, and the ledger in parts.
    const { problems } = await ledger.verify({ pace: 'full', accountsPerChunk: 3, entriesPerChunk: 40 });
    expect(new Set(problems.map(({ kind }) => kind))).toEqual(new Set(['checkpoint_out_of_step']));
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ accountId: account === null ? null : id, found: expect.stringContaining(found) }),
      ]),
    );
  } finally {
    await intruder.query('insert into checkpoint (ledger) select id from ledgers on conflict do nothing');
  }
});

it('names a transfer by the checkpoints that no longer fit, when its effective time was changed', async () => {
  await rebuild();
  const change = `update transfers set effective_at = effective_at + interval '1 day' where effective_at is not null and position < 50`;
  await intruder.query(change);
  const { problems } = await ledger.verify();
  expect(problems.filter(({ kind }) => kind !== 'checkpoint_out_of_step')).toEqual([]);
  expect(problems.length).toBeGreaterThan(0);
});
