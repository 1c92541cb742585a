import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.js';

const page = readFileSync(new URL('../../../../docs/operating/runbooks.md', import.meta.url), 'utf8');
const statements = [...page.matchAll(/```sql\n([\s\S]+?)```/g)].map(([, sql = '']) => sql.trim());
let server: TestServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startTestServer();
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

it.each(statements)('the runbooks’ statement runs on the tables of a server: %s', async (sql) => {
  await client.query('begin read only');
  await expect(client.query(sql)).resolves.toMatchObject({ command: 'SELECT' });
  await client.query('rollback');
});
