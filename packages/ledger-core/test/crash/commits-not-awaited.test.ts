import { createLedger, type Ledger, migrate } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { type LocalPostgres, startTemporaryPostgres } from '@micropay/local-postgres';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openWallets, postedOf } from '../support/test-bed.js';

/** A server of this file's own on which commits are not waited for, and what they wrote reaches the disk late. */
let postgres: LocalPostgres;
let url: string;
let ledger: Ledger;

beforeAll(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  postgres = await startTemporaryPostgres({ durable: true, revive: true });
  url = await postgres.database('crash');
  await migrate({ database: url });
  await sql(`alter system set wal_writer_delay = '10s'`);
  await sql('alter database crash set synchronous_commit = off');
  await sql('select pg_reload_conf()');
  ledger = createLedger({ database: url });
  await openWallets(ledger, { a: 0n });
});
afterAll(async () => {
  await ledger?.close();
  postgres?.stop();
});

async function sql(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(text);
  await client.end();
}

const deposit = { from: 'world', to: 'a', amount: 1n, currency: 'USD' };

async function kill(): Promise<void> {
  const { pid } = postgres;
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => postgres.pid, { timeout: 30_000 }).not.toBe(pid);
  const isBack = () =>
    sql('select').then(
      () => true,
      () => false,
    );
  await expect.poll(isBack, { timeout: 30_000 }).toBe(true);
}

it('acknowledged transfers survive a killed PostgreSQL although synchronous_commit is off', async () => {
  for (let posted = 1n; posted <= 20n; posted += 1n) await ledger.transfers.post(deposit);
  await kill();
  expect(await postedOf(ledger, 'a')).toBe(20n);
}, 60_000);

it('a caller’s committed transaction survives a killed PostgreSQL although synchronous_commit is off', async () => {
  const before = await postedOf(ledger, 'a');
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await ledger.within(fromPg(client)).transfers.post(deposit);
  await client.query('commit');
  await kill();
  expect(await postedOf(ledger, 'a')).toBe(before + 1n);
}, 60_000);

it('a synchronous_commit that waits for more than the disk is left unchanged', async () => {
  await sql('alter database crash set synchronous_commit = remote_apply');
  const own = createLedger({ database: url });
  await sql(`create table if not exists seen (value text)`);
  await sql(`create or replace function see() returns trigger language plpgsql as
    $$ begin insert into public.seen values (current_setting('synchronous_commit')); return null; end $$`);
  await sql('create trigger see after insert on micropay.transfers for each statement execute function see()');
  await own.transfers.post(deposit);
  await own.close();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  expect((await client.query('select value from seen')).rows).toEqual([{ value: 'remote_apply' }]);
  await client.end();
});
