import type { AccountId } from '@micropay/ledger-core';
import type pg from 'pg';
import { beforeAll, expect, it } from 'vitest';
import { numberOf } from '../support/ledger-number.js';
import {
  faultsOf,
  gapSafe,
  highestPosition,
  type PollingReader,
  type ReaderOf,
  type SeenTransfer,
  xmaxBound,
  xminFilterByPosition,
  xminFilterByTransaction,
} from '../support/log-readers.js';
import { useOwnPostgres } from '../support/own-postgres.js';
import { SLOW_POST, slowPost, takeTransactionId } from '../support/sql-writer.js';

// Each schedule is a few transactions whose steps come in one order, and a look of the reader between them. The reader
// of this package hands on every transfer of its ledger in the order of each account; the wrong reader it is meant for does not. Before
// each look another ledger draws positions, so that no row of the one that is read stands next to another.

const bed = useOwnPostgres();
const accounts: AccountId[] = [];
let others: readonly AccountId[] = [];
let number: number;
let pairs = 0;

beforeAll(async () => {
  await bed.sql(SLOW_POST);
  const ledger = bed.ledger();
  for (let number = 0; number < 60; number += 1) {
    accounts.push((await ledger.accounts.open({ address: `world:${number}`, currency: 'USD' })).id);
  }
  const other = ledger.inLedger('other');
  others = [
    (await other.accounts.open({ address: 'world:a', currency: 'USD' })).id,
    (await other.accounts.open({ address: 'world:b', currency: 'USD' })).id,
  ];
  number = await numberOf(bed);
});

interface Schedule {
  readonly name: string;
  readonly wrong: ReaderOf;
  readonly run: (look: () => Promise<void>, writers: readonly [pg.Client, pg.Client, pg.Client]) => Promise<void>;
}

/** Two accounts that no other schedule uses. */
function pair(): { readonly from: AccountId; readonly to: AccountId } {
  const [from, to] = accounts.slice(2 * pairs, 2 * pairs + 2);
  pairs += 1;
  if (from === undefined || to === undefined) throw new Error('open more accounts');
  return { from, to };
}

const schedules: readonly Schedule[] = [
  {
    name: 'a lower position commits after a higher one was seen',
    wrong: highestPosition,
    async run(look, [early, late]) {
      await early.query('begin');
      await slowPost(early, pair());
      await slowPost(late, pair());
      await look();
      await early.query('commit');
    },
  },
  {
    name: 'an older transaction takes the account after a younger one has committed',
    wrong: xminFilterByTransaction,
    async run(look, [older, younger]) {
      const both = pair();
      await older.query('begin');
      await takeTransactionId(older);
      await slowPost(younger, both);
      await look();
      await slowPost(older, both);
      await older.query('commit');
    },
  },
  {
    name: 'a younger transaction draws a lower position while a third one runs',
    wrong: xminFilterByPosition,
    async run(look, [oldest, running, youngest]) {
      await oldest.query('begin');
      await takeTransactionId(oldest);
      await running.query('begin');
      await takeTransactionId(running);
      await slowPost(youngest, pair());
      await slowPost(oldest, pair());
      await oldest.query('commit');
      await look();
      await running.query('commit');
    },
  },
  {
    name: 'the transaction of a gap has an id above every completed one',
    wrong: xmaxBound,
    async run(look, [older, younger]) {
      await older.query('begin');
      await takeTransactionId(older);
      await younger.query('begin');
      await slowPost(younger, pair());
      await slowPost(older, pair());
      await older.query('commit');
      await look();
      await look();
      await younger.query('commit');
    },
  },
];

async function faultsAfter({ run }: Schedule, readerOf: ReaderOf): Promise<readonly string[]> {
  const writers = [await bed.connect(), await bed.connect(), await bed.connect()] as const;
  const [reader, beside]: [PollingReader, pg.Client] = [readerOf(await bed.connect(), number), await bed.connect()];
  const seen: SeenTransfer[] = [];
  const look = async () => {
    const [from, to] = others as [AccountId, AccountId];
    await slowPost(beside, { from, to });
    seen.push(...(await reader.poll()));
  };
  await look();
  await look();
  await look();
  await run(look, writers);
  await look();
  await look();
  await look();
  return faultsOf(seen, await currentVersions());
}

async function currentVersions(): Promise<ReadonlyMap<string, bigint>> {
  const rows = await bed.sql<{ account_id: string; version: string }>(
    'select account_id, version::text from micropay.balances where ledger = $1',
    [number],
  );
  return new Map(rows.map(({ account_id, version }) => [account_id, BigInt(version)]));
}

for (const schedule of schedules) {
  it(`loses nothing and keeps each account in order when ${schedule.name}`, async () => {
    expect(await faultsAfter(schedule, gapSafe)).toEqual([]);
  });

  it(`catches ${schedule.wrong.name} when ${schedule.name}`, async () => {
    expect(await faultsAfter(schedule, schedule.wrong)).not.toEqual([]);
  });
}
