import type { AccountId } from '@micropay/ledger-core';
import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogReader, type LogReader } from '../../src/events/reader.js';
import { snapshotOn } from '../../src/postgres/connect.js';
import { createStore } from '../../src/postgres/store.js';
import { type OwnPostgres, useOwnPostgres } from '../support/own-postgres.js';
import { SLOW_POST, slowPost } from '../support/sql-writer.js';

// Two servers whose transaction ids have nothing to do with each other, as the nodes of a distributed database, and a ledger that is
// moved between them while it is read: a move waits for its writers and copies what they committed. The locks of who draws are not
// seen from the reader's node, so the running transactions alone decide.

const young = useOwnPostgres();
const old = useOwnPostgres();
const IDS_AHEAD = 3_000;
const BURN = `do $$ begin for n in 1..${IDS_AHEAD} loop perform pg_current_xact_id(); commit; end loop; end $$`;

let accounts: readonly AccountId[];

beforeAll(async () => {
  for (const server of [young, old]) await server.sql(SLOW_POST);
  await old.sql(BURN);
});

/** Each test has a ledger of its own: its number, and two pairs of accounts that do not wait for each other. */
let ledger: number;
let made = 0;

beforeEach(async () => {
  made += 1;
  const book = young.ledger().inLedger(`book-${made}`);
  const ids: AccountId[] = [];
  for (const address of ['world:a', 'world:b', 'world:c', 'world:d']) {
    ids.push((await book.accounts.open({ address, currency: 'USD' })).id);
  }
  accounts = ids;
  const [row] = await young.sql<{ id: number }>('select id from micropay.ledgers where name = $1', [book.name]);
  ledger = row?.id ?? 0;
});

const pair = (index: 0 | 1) => ({ from: accounts[2 * index] as AccountId, to: accounts[2 * index + 1] as AccountId });

/** Copies all rows of the ledger, and has the sequence of positions go on where it is. */
async function move(from: OwnPostgres, to: OwnPostgres): Promise<void> {
  const target = await to.connect();
  await target.query('set session_replication_role = replica');
  for (const table of ['ledgers', 'currencies', 'accounts', 'balances', 'transfers', 'events']) {
    const key = table === 'ledgers' ? 'id' : 'ledger';
    const rows = await from.sql<{ row: object }>(
      `select to_jsonb(t) as row from micropay.${table} t where ${key} = $1`,
      [ledger],
    );
    await target.query(`delete from micropay.${table} where ${key} = $1`, [ledger]);
    await target.query(
      `insert into micropay.${table} overriding system value
       select r.* from jsonb_array_elements($1::jsonb) e, jsonb_populate_record(null::micropay.${table}, e) r`,
      [JSON.stringify(rows.map(({ row }) => row))],
    );
  }
  const [drawn] = await from.sql<{ last: string }>('select last_value::text as last from micropay.event_position');
  await target.query(
    `select setval('micropay.event_position', greatest($1, last_value)) from micropay.event_position`,
    [drawn?.last],
  );
  await target.end();
}

/** A reader whose statements go to the server that has the ledger. */
async function createRoutedReader(at: { server: OwnPostgres }): Promise<LogReader> {
  const clients = new Map<OwnPostgres, pg.Client>();
  for (const server of [young, old]) clients.set(server, await server.connect());
  const client = () => clients.get(at.server) as pg.Client;
  return createLogReader({
    snapshot: (calls) => snapshotOn(client())(calls),
    store: {
      ...createStore('micropay'),
      ledger,
      sql: { executeSql: (text, values) => client().query(text, [...values]) },
    },
    after: 0n,
    seesDrawers: false,
  });
}

async function positionsFrom(reader: LogReader): Promise<bigint[]> {
  return (await reader.next(1_000)).map(({ position }) => position);
}

/** All positions of the ledger where it is, in order. */
async function expected(server: OwnPostgres): Promise<bigint[]> {
  const rows = await server.sql<{ position: string }>(
    `select position::text from (select position, ledger from micropay.transfers union all select position, ledger from micropay.events) log
     where ledger = $1 order by log.position`,
    [ledger],
  );
  return rows.map(({ position }) => BigInt(position));
}

async function nextId(server: OwnPostgres): Promise<bigint> {
  const [row] = await server.sql<{ id: string }>('select pg_snapshot_xmax(pg_current_snapshot())::text as id');
  return BigInt(row?.id ?? 0);
}

describe.each([
  ['with higher ids', young, old],
  ['with lower ids', old, young],
] as const)('a ledger that moves to a server %s', (_, first, second) => {
  it('is read there to its end, though the bound of the first server is not of the second', async () => {
    if (first === old) await move(young, old);
    expect((await nextId(old)) - (await nextId(young))).toBeGreaterThan(1_000n);
    const at = { server: first };
    const reader = await createRoutedReader(at);
    const read: bigint[] = [...(await positionsFrom(reader)), ...(await positionsFrom(reader))];

    const [open, done] = [await first.connect(), await first.connect()];
    // Behind a gap, as a row next to the last one needs no bound.
    await first.sql(`select nextval('micropay.event_position')`);
    await open.query('begin');
    await slowPost(open, pair(0));
    await slowPost(done, pair(1));
    // It takes its bound, and must not pass the one that is open.
    expect([await positionsFrom(reader), await positionsFrom(reader)]).toEqual([[], []]);
    expect(reader.isHeldUp()).toBe(true);
    await open.query('commit');
    await move(first, second);
    at.server = second;
    for (let look = 0; look < 4; look += 1) read.push(...(await positionsFrom(reader)));
    expect(read).toEqual(await expected(second));
    expect(reader.isHeldUp()).toBe(false);
  });

  it('is read there no further than a writer of the second server that is still open', async () => {
    if (first === old) await move(young, old);
    const at = { server: first };
    const reader = await createRoutedReader(at);
    const read: bigint[] = [...(await positionsFrom(reader)), ...(await positionsFrom(reader))];
    await first.sql(`select nextval('micropay.event_position')`);
    await slowPost(await first.connect(), pair(1));
    await move(first, second);
    at.server = second;
    const [open, done] = [await second.connect(), await second.connect()];
    await open.query('begin');
    await slowPost(open, pair(0));
    await slowPost(done, pair(1));
    for (let look = 0; look < 4; look += 1) read.push(...(await positionsFrom(reader)));
    const all = await expected(second);
    expect(read).toEqual(all.slice(0, read.length));
    expect(read.length).toBeLessThan(all.length);
    await open.query('commit');
    for (let look = 0; look < 4; look += 1) read.push(...(await positionsFrom(reader)));
    expect(read).toEqual(await expected(second));
  });
});
