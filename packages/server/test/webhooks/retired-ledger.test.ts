import { createLedger, deleteDeliveredEvents } from '@micropay/ledger-core';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer } from '../../src/process/start-server.js';
import { call } from '../support/call.js';
import { OPERATOR_KEY, testConfig } from '../support/test-server.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

it('a ledger that no server runs for keeps its events for its webhooks until the cursor is deleted', async () => {
  const server = await startServer(testConfig(database.url, { ledger: 'old-shop' }));
  const body = { url: 'https://example.com/' };
  expect((await call(server.url, 'POST /v1/webhook-endpoints', { token: OPERATOR_KEY, body })).status).toBe(201);
  await server.close();
  const ledger = createLedger({ database: database.url, name: 'old-shop' });
  await ledger.accounts.open({ address: 'shops:1', currency: 'USD' });
  await ledger.close();

  const client = new pg.Client(database.url);
  await client.connect();
  try {
    await client.query(`insert into micropay.event_sinks (sink) values ('another')`);
    await client.query(
      `insert into micropay.event_cursors (ledger, sink, position) select id, 'another', 1000000 from micropay.ledgers`,
    );
    const remove = () =>
      deleteDeliveredEvents({ database: database.url, before: new Date(Date.now() + 3_600_000), ageMinMs: 0 });
    await remove();
    expect(await remove()).toBe(0);
    await client.query(`delete from micropay.event_sinks where sink = 'webhooks:old-shop'`);
    expect(await remove()).toBe(1);
  } finally {
    await client.end();
  }
});
