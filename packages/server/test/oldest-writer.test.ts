import { createLedger, type Ledger } from '@micropay/ledger-core';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createOldestWriterReport, registerOldestWriterMetrics } from '../src/live/oldest-writer.js';

let database: TestDatabase;
let ledger: Ledger;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = createLedger({ database: database.url });
  client = new pg.Client({ connectionString: database.url, application_name: 'a "slow" caller' });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await ledger.close();
  await database.drop();
});

it('a transaction that holds events up is shown in the metrics and named once in the log, without Kafka', async () => {
  const lines: unknown[][] = [];
  const report = createOldestWriterReport(ledger.events, { warn: (...line: unknown[]) => lines.push(line) }, 0);
  const registry = new Registry();
  registerOldestWriterMetrics(registry, ledger.events);
  const ageOf = async () =>
    Number(/^micropay_events_oldest_writer_seconds (\S+)$/m.exec(await registry.metrics())?.[1]);
  await report();
  expect(lines).toEqual([]);
  expect(await ageOf()).toBe(0);

  await client.query('begin');
  await client.query(`select pg_current_xact_id(), nextval('micropay.event_position')`);
  const { rows } = await client.query<{ pid: number; database: string }>(
    'select pg_backend_pid() as pid, current_database() as database',
  );
  const { pid, database: name } = rows[0] ?? { pid: 0, database: '' };
  await report();
  await report();
  expect(lines).toEqual([
    [
      { pid, preparedAs: null, application: 'a "slow" caller', database: name, since: expect.any(Date) },
      expect.stringContaining(`select pg_terminate_backend(${pid})`),
    ],
  ]);
  // The metrics before are kept for a second.
  await expect.poll(ageOf).toBeGreaterThan(0);
  await client.query('rollback');
});
