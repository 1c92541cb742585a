import type { AccountId, Ledger } from '@micropay/ledger-core';
import type pg from 'pg';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createLogReader, type LogReader } from '../../src/events/reader.js';
import { createWakes } from '../../src/events/wakes.js';
import { fromClient, snapshotOn } from '../../src/postgres/connect.js';
import { createStore } from '../../src/postgres/store.js';
import { numberOf } from '../support/ledger-number.js';
import { useOwnPostgres } from '../support/own-postgres.js';
import { SLOW_POST, slowPost, takeTransactionId } from '../support/sql-writer.js';

// A transaction that has drawn a position and stays open keeps readers from handing on what stands behind it. What they read meanwhile
// must not grow with what has been written since.

const LOOKS = 64;
const ROWS = 1_000;

const bed = useOwnPostgres();
let books = 0;
let book: Ledger;
let number: number;
let accounts: readonly AccountId[];
const begun: pg.Client[] = [];

beforeAll(() => bed.sql(SLOW_POST));

beforeEach(async () => {
  books += 1;
  book = bed.ledger().inLedger(`book-${books}`);
  const opened: AccountId[] = [];
  for (const address of ['world:a', 'world:b', 'world:c', 'world:d']) {
    opened.push((await book.accounts.open({ address, currency: 'USD' })).id);
  }
  accounts = opened;
  number = await numberOf(bed, book.name);
});

const pair = (index: 0 | 1) => ({ from: accounts[2 * index] as AccountId, to: accounts[2 * index + 1] as AccountId });

// What a failed test leaves open would hold up the next one.
afterEach(() => Promise.all(begun.splice(0).map((client) => client.query('rollback'))));

async function begin(): Promise<pg.Client> {
  const client = await bed.connect();
  await client.query('begin');
  begun.push(client);
  return client;
}

async function openDrawer(): Promise<pg.Client> {
  const client = await begin();
  await takeTransactionId(client);
  await client.query(`select nextval('micropay.event_position')`);
  return client;
}

async function writeEvents(ledger: number, rows: number): Promise<void> {
  await bed.sql(
    `insert into micropay.events (recorded_at, ledger, id, type, subject, data, topic)
     select now(), $1, gen_random_uuid(), 'note.made.v1', gen_random_uuid(), '{}', 'notes' from generate_series(1, $2)`,
    [ledger, rows],
  );
}

/** Rows and index entries of the log that PostgreSQL has read for anybody. */
async function readSoFar(client: pg.Client): Promise<number> {
  await client.query('select pg_stat_force_next_flush()');
  const [row] = await bed.sql<{ read: string }>(
    `select (select sum(seq_tup_read) from pg_stat_user_tables where relname in ('events', 'transfers'))
       + (select sum(idx_tup_read) from pg_stat_user_indexes where relname in ('events', 'transfers')) as read`,
  );
  return Number(row?.read);
}

async function wakesOn(client: pg.Client) {
  const wakes = createWakes({ ...createStore('micropay'), sql: fromClient(client) });
  // At once, and once more when everything that was under way then has ended.
  await expect.poll(async () => (await wakes.next()).isSweepDue).toBe(true);
  await expect.poll(async () => (await wakes.next()).isSweepDue).toBe(true);
  return wakes;
}

it('who looks for ledgers with new rows reads what is new, and only now and then everything since an open transaction', async () => {
  const client = await bed.connect();
  await client.query('set enable_seqscan = off');
  const wakes = await wakesOn(client);
  const open = await openDrawer();
  await writeEvents(number, ROWS);
  expect((await wakes.next()).ledgers).toEqual([number]);
  const before = await readSoFar(client);
  for (let look = 0; look < LOOKS; look += 1) {
    const isNew = look % 8 === 0;
    if (isNew) await writeEvents(number, 1);
    expect((await wakes.next()).ledgers).toEqual(isNew ? [number] : []);
  }
  // Seven looks of 64 read everything.
  expect((await readSoFar(client)) - before).toBeLessThan(10 * ROWS);
  await open.query('rollback');
  await expect.poll(async () => (await wakes.next()).ledgers).toEqual([]);
});

it('a ledger whose row appears below the highest one is named while an older transaction is still open', async () => {
  const wakes = await wakesOn(await bed.connect());
  const late = await begin();
  await slowPost(late, pair(0));
  const open = await openDrawer();
  const other = await numberOf(bed, (await otherBook()).name);
  await expect.poll(async () => (await wakes.next()).ledgers).toEqual([]);
  await writeEvents(other, 3);
  expect((await wakes.next()).ledgers).toEqual([other]);
  for (let look = 0; look < 5; look += 1) expect((await wakes.next()).ledgers).toEqual([]);
  await late.query('commit');
  const named: number[] = [];
  for (let look = 0; look < 12; look += 1) named.push(...(await wakes.next()).ledgers);
  expect(named).toEqual([number]);
  await open.query('commit');
  // The whole stretch is final now: nothing of it is new.
  for (let look = 0; look < 5; look += 1) expect((await wakes.next()).ledgers).toEqual([]);
});

async function otherBook(): Promise<Ledger> {
  const other = book.inLedger(`beside-${books}`);
  await other.accounts.open({ address: 'world:a', currency: 'USD' });
  return other;
}

interface CountedReader extends LogReader {
  /** Rows that the server has sent for it. */
  sent(): number;
}

async function readerOfBook(): Promise<CountedReader> {
  const client = await bed.connect();
  const snapshot = snapshotOn(client);
  let sent = 0;
  const store = { ...createStore('micropay'), sql: fromClient(client), ledger: number };
  const reader = createLogReader({
    store,
    after: 0n,
    async snapshot(calls) {
      const results = await snapshot(calls);
      for (const rows of results) sent += rows.length;
      return results;
    },
  });
  return { ...reader, sent: () => sent };
}

async function readAll(reader: LogReader): Promise<bigint[]> {
  const positions: bigint[] = [];
  for (let look = 0; look < 3; look += 1) {
    positions.push(...(await reader.next(ROWS)).map(({ position }) => position));
  }
  return positions;
}

it('a reader that waits for an open transaction reads a row a look, and everything when that has ended', async () => {
  const reader = await readerOfBook();
  await readAll(reader);
  const open = await openDrawer();
  await writeEvents(number, ROWS / 2);
  await reader.next(ROWS);
  const before = reader.sent();
  for (let look = 0; look < LOOKS; look += 1) {
    expect(await reader.next(ROWS)).toEqual([]);
    expect(reader.isHeldUp()).toBe(true);
  }
  // The horizon, and the first of the rows.
  expect(reader.sent() - before).toBeLessThan(3 * LOOKS);
  await open.query('rollback');
  expect(await readAll(reader)).toHaveLength(ROWS / 2);
  expect(reader.isHeldUp()).toBe(false);
});

it('a reader that waits for an open transaction hands on what stands before its gap as soon as that is there', async () => {
  const reader = await readerOfBook();
  await readAll(reader);
  const next = await begin();
  await slowPost(next, pair(0));
  await slowPost(await bed.connect(), pair(1));
  const open = await openDrawer();
  await writeEvents(number, 5);
  expect(await readAll(reader)).toEqual([]);
  await next.query('commit');
  expect(await readAll(reader)).toHaveLength(2);
  expect(reader.isHeldUp()).toBe(true);
  await open.query('commit');
  expect(await readAll(reader)).toHaveLength(5);
});
