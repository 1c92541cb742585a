import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AuditEntry, createClient } from '../src/index.js';
import { codeOf } from './support/make-user.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server?.stop();
});

it('an operator reads what was done to an account, newest first, and others may not', async () => {
  const { accounts, auditLog, apiKeys } = server.operator;
  const { id } = await accounts.open({ address: 'fees:card', currency: 'USD' });
  await accounts.freeze(id, { reason: 'Ticket 1' });
  await accounts.unfreeze(id, { reason: 'Ticket 2' });

  const entries: AuditEntry[] = [];
  const from = new Date(Date.now() - 3_600_000);
  for await (const entry of auditLog.list({ subject: id, limit: 1, from })) entries.push(entry);
  expect(entries.map(({ operation, reason }) => [operation, reason])).toEqual([
    ['unfreezeAccount', 'Ticket 2'],
    ['freezeAccount', 'Ticket 1'],
  ]);
  expect((await auditLog.listPage({ operation: 'openAccount' })).data).toMatchObject([
    { subject: 'fees:card', result: id },
  ]);

  const { key } = await apiKeys.create({ name: 'reports', scopes: ['accounts:read'] });
  expect(await codeOf(createClient({ baseUrl: server.url, apiKey: key }).auditLog.listPage())).toBe('forbidden');
});
