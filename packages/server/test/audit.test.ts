import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let client: pg.Client;

beforeAll(async () => {
  [server, alice] = await startServerWithUsers(0n);
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await server.stop();
});

const change = (path: string, body?: unknown, token: string = OPERATOR_KEY) =>
  call(server.url, `POST ${path}`, { token, body });

/** The event of an account's latest change. */
async function lastEvent(account: string) {
  const { rows } = await client.query(
    'select type, data from micropay.events where subject = $1 order by position desc limit 1',
    [account],
  );
  return { type: rows[0]?.type, by: rows[0]?.data.by, reason: rows[0]?.data.reason };
}

it.each([
  ['wallets', 'freeze', { side: 'debits', reason: 'Case 1' }, 'account.frozen.v1'],
  ['wallets', 'unfreeze', { reason: 'Case 2' }, 'account.unfrozen.v1'],
  ['accounts', 'freeze', { reason: 'Case 3' }, 'account.frozen.v1'],
  ['accounts', 'unfreeze', { reason: 'Case 4' }, 'account.unfrozen.v1'],
  ['accounts', 'limits', { maximum: '9', reason: 'Case 5' }, 'account.limits_changed.v1'],
  ['accounts', 'close', { reason: 'Case 6' }, 'account.closed.v1'],
])('the event of %s/{id}/%s records who and why', async (kind, action, body, type) => {
  expect((await change(`/v1/${kind}/${alice.wallet}/${action}`, body)).status).toBe(200);
  const { rows } = await client.query('select id from micropay.api_keys');
  expect(await lastEvent(alice.wallet)).toEqual({ type, by: `operator:${rows[0].id}`, reason: body.reason });
});

it.each(['freeze', 'unfreeze', 'limits', 'close'])('accounts/{id}/%s is for operators', async (action) => {
  const body = action === 'limits' ? { maximum: '9' } : {};
  const byUser = await change(`/v1/accounts/${alice.wallet}/${action}`, body, alice.token);
  expect([byUser.status, byUser.body.code]).toEqual([403, 'forbidden']);
  const missing = await change(`/v1/accounts/${randomUUID()}/${action}`, body);
  expect([missing.status, missing.body.code]).toEqual([404, 'account_not_found']);
});

it.each([
  ['freeze', { side: 'left' }, 'side'],
  ['freeze', { reason: '' }, 'reason'],
  ['unfreeze', { reason: 5 }, 'reason'],
  ['unfreeze', { side: 'both' }, ''],
  ['close', { reason: 'x'.repeat(256) }, 'reason'],
  ['limits', { minimum: 5 }, 'minimum'],
  ['limits', { maximum: '-0' }, 'maximum'],
])('accounts/{id}/%s refuses %j', async (action, body, path) => {
  const reply = await change(`/v1/accounts/${alice.wallet}/${action}`, body);
  expect([reply.status, reply.body.code, reply.body.errors[0].path]).toEqual([400, 'invalid_request', path]);
});
