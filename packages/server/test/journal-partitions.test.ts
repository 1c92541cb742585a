import { createLedger, type Ledger, maintain } from '@micropay/ledger-core';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPartitionKeeper, registerPartitionMetrics } from '../src/ledger/journal-partitions.js';

const role = `micropay_keeper_${process.pid}`;
let database: TestDatabase;
let ledger: Ledger;
let client: pg.Client;
let lines: unknown[][];
const log = { info: (...line: unknown[]) => lines.push(line), warn: (...line: unknown[]) => lines.push(line) };

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(`create role ${role} login password 'x'; grant usage on schema micropay to ${role};
    grant select on all tables in schema micropay to ${role}; grant usage on sequence micropay.event_position to ${role}`);
  ledger = createLedger({ database: database.url });
});
afterAll(async () => {
  await ledger.close();
  await client.query(`drop owned by ${role}; drop role ${role}`);
  await client.end();
  await database.drop();
});

const drawUpTo = (position: number) => client.query(`select setval('micropay.event_position', ${position})`);

it('the owner’s server makes the next partition, and the metric shows what is left', async () => {
  const registry = new Registry();
  registerPartitionMetrics(registry, ledger);
  const left = async () => Number(/^micropay_journal_positions_left (\S+)$/m.exec(await registry.metrics())?.[1]);
  await drawUpTo(60_000_000);
  expect(await left()).toBe(40_000_000);
  lines = [];
  const keep = createPartitionKeeper({ ledger, tables: { database: database.url }, log });
  await keep();
  await keep();
  expect(lines).toEqual([
    [{ added: ['transfers_100000001'], sealed: ['transfers_1'] }, 'the partitions of the journal were maintained'],
  ]);
  await expect.poll(left).toBe(90_000_000);
});

it('a server whose role may not make tables warns once that somebody has to, and not before it is time', async () => {
  const url = new URL(database.url);
  url.username = role;
  url.password = 'x';
  const keep = createPartitionKeeper({ ledger, tables: { database: url.href }, log });
  lines = [];
  await keep();
  expect(lines).toEqual([]);
  await drawUpTo(130_000_000);
  await keep();
  await keep();
  expect(lines).toEqual([[{ positionsLeft: '20000000' }, expect.stringContaining('micropay maintain')]]);
});

it('a server whose role may not make tables warns again when partitions run out once more, also if it may not seal', async () => {
  const url = new URL(database.url);
  url.username = role;
  url.password = 'x';
  const keep = createPartitionKeeper({ ledger, tables: { database: url.href }, log });
  await drawUpTo(130_000_000);
  lines = [];
  await keep();
  expect(lines).toHaveLength(1);
  await maintain({ database: database.url });
  // As when sealing waits for a transaction that was left open.
  await client.query(
    'set session_replication_role = replica; delete from micropay.sealed_partitions; reset session_replication_role',
  );
  await keep();
  expect(lines).toHaveLength(1);
  await drawUpTo(180_000_000);
  await keep();
  await keep();
  expect(lines).toHaveLength(2);
});

it('a server that cannot reach the database says so, for the log of background work', async () => {
  const url = new URL(database.url);
  url.port = '1';
  const keep = createPartitionKeeper({ ledger, tables: { database: url.href }, log });
  await expect(keep()).rejects.toMatchObject({ code: 'database_unavailable' });
});
