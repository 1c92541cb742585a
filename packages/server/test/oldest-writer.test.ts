import { createLedger, type Ledger } from '@micropay/ledger-core';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createOldestWriterMetrics, createOldestWriterReport } from '../src/live/oldest-writer.js';

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

it('a transaction that holds events up is named in the metrics and once in the log, without Kafka', async () => {
  const lines: unknown[][] = [];
  const report = createOldestWriterReport(ledger.events, { warn: (...line: unknown[]) => lines.push(line) }, 0);
  const metrics = createOldestWriterMetrics(ledger.events);
  const sample = /^micropay_events_oldest_writer_seconds\{(.*)\} \d/;
  await report();
  expect(lines).toEqual([]);
  expect((await metrics()).filter((line) => sample.test(line))).toEqual([]);

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
  await expect
    .poll(async () => (await metrics()).map((line) => sample.exec(line)?.[1]).find((labels) => labels !== undefined))
    .toContain(`pid="${pid}",prepared="",application="a \\"slow\\" caller",database="${name}",since="2`);
  await client.query('rollback');
});
