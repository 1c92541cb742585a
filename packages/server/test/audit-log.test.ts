import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readAuditLog } from '../src/audit/audit-log.js';
import { createAuditTrail } from '../src/audit/audit-trail.js';
import { connect } from '../src/database/connect.js';
import type { Act } from '../src/identity/act.js';
import { ROUTES } from '../src/routes.js';
import { call, registerUser, type TestUser } from './support/call.js';
import { startMicropay } from './support/run-micropay.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let client: pg.Client;

beforeAll(async () => {
  [server, alice] = await startServerWithUsers(1_000n);
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await server.stop();
});

const as = (token: string, target: string, body?: unknown, headers: Record<string, string> = {}) =>
  call(server.url, target, { token, key: randomUUID(), headers, ...(body === undefined ? {} : { body }) });

/** Entries of one request. */
async function entriesOf(requestId: string) {
  const { body } = await as(OPERATOR_KEY, 'GET /v1/audit-log?limit=200');
  return body.data.filter((entry: { requestId: string }) => entry.requestId === requestId);
}

describe('the audit log', () => {
  it('the audit log says who froze a wallet, why, from where and when', async () => {
    const body = { reason: 'Case 7' };
    const reply = await as(OPERATOR_KEY, `POST /v1/wallets/${alice.wallet}/freeze`, body, {
      'x-request-id': 'freeze-7',
    });
    expect(reply.status).toBe(200);
    await as(OPERATOR_KEY, `POST /v1/wallets/${alice.wallet}/unfreeze`);
    const { rows } = await client.query(`select id from micropay.api_keys where name = 'operator'`);
    expect(await entriesOf('freeze-7')).toEqual([
      {
        id: expect.any(String),
        createdAt: expect.any(String),
        principal: `operator:${rows[0].id}`,
        operation: 'freezeWallet',
        subject: alice.wallet,
        reason: 'Case 7',
        clientAddress: '127.0.0.1',
        requestId: 'freeze-7',
        outcome: 'done',
        code: null,
        result: alice.wallet,
      },
    ]);
  });

  it('the audit log links a deposit to its transfer, and says which one was refused', async () => {
    const deposit = (amount: string, id: string, currency = 'USD') =>
      as(OPERATOR_KEY, 'POST /v1/deposits', { wallet: alice.wallet, amount, currency }, { 'x-request-id': id });
    const { body } = await deposit('5', 'deposit-1');
    await deposit('5', 'deposit-2', 'EUR');
    expect(await entriesOf('deposit-1')).toMatchObject([
      { operation: 'createDeposit', subject: alice.wallet, outcome: 'done', result: body.id },
    ]);
    expect(await entriesOf('deposit-2')).toMatchObject([
      { operation: 'createDeposit', outcome: 'refused', code: 'currency_mismatch', result: null },
    ]);
  });

  it('the audit log has no payment of a user, no read and no dry run', async () => {
    const bob = await registerUser(server.url);
    const count = async () => (await client.query('select count(*)::int from micropay.audit_log')).rows[0].count;
    const before = await count();
    const order = { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' };
    expect((await as(alice.token, 'POST /v1/transfers', order)).status).toBe(201);
    expect((await as(OPERATOR_KEY, `GET /v1/wallets/${alice.wallet}`)).status).toBe(200);
    expect((await as(OPERATOR_KEY, 'POST /v1/transfers', { ...order, dryRun: true })).status).toBe(200);
    expect(await count()).toBe(before);
  });

  it('the audit log has each change of an API key, with the id of the key', async () => {
    const make = { name: 'audited', scopes: ['accounts:read'], reason: 'Ticket 1' };
    const { apiKey } = (await as(OPERATOR_KEY, 'POST /v1/api-keys', make)).body;
    await as(OPERATOR_KEY, `POST /v1/api-keys/${apiKey.id}/rotate`, { reason: 'Ticket 2' });
    await as(OPERATOR_KEY, `POST /v1/api-keys/${apiKey.id}/revoke`, { reason: 'Ticket 3' });
    const { body } = await as(OPERATOR_KEY, `GET /v1/audit-log?subject=${apiKey.id}`);
    const told = body.data.map(({ operation, reason, outcome }: Record<string, string>) => [
      operation,
      reason,
      outcome,
    ]);
    expect(told).toEqual([
      ['revokeApiKey', 'Ticket 3', 'done'],
      ['rotateApiKey', 'Ticket 2', 'done'],
      ['createApiKey', 'Ticket 1', 'done'],
    ]);
    // Nothing was made, so there is nothing to record.
    expect((await as(OPERATOR_KEY, 'POST /v1/api-keys', make)).status).toBe(409);
    const made = (await as(OPERATOR_KEY, 'GET /v1/audit-log?operation=createApiKey&limit=200')).body.data;
    expect(made.filter(({ reason }: { reason: string }) => reason === 'Ticket 1')).toHaveLength(1);
  });

  it('the audit log has a forbidden attempt once a minute, and nothing that a stranger wrote into its path', async () => {
    const mallory = await registerUser(server.url);
    for (const id of ['someone%40example.com', alice.wallet, '%00']) {
      expect((await as(mallory.token, `POST /v1/wallets/${id}/freeze`)).status).toBe(403);
    }
    const { body } = await as(OPERATOR_KEY, `GET /v1/audit-log?principal=user:${mallory.id}`);
    expect(body.data).toMatchObject([
      { operation: 'freezeWallet', subject: null, outcome: 'refused', code: 'forbidden' },
    ]);
  });

  it('the audit log has what a key without the scope tried, and a key that wants more than it has', async () => {
    const scopes = ['keys:write', 'accounts:read'];
    const { key, apiKey } = (await as(OPERATOR_KEY, 'POST /v1/api-keys', { name: 'weak', scopes })).body;
    await as(key, 'POST /v1/deposits', { wallet: alice.wallet, amount: '1', currency: 'USD' });
    await as(key, 'POST /v1/api-keys', { name: 'strong', scopes: ['transfers:write'] });
    const { body } = await as(OPERATOR_KEY, `GET /v1/audit-log?principal=operator:${apiKey.id}`);
    const told = body.data.map(({ operation, code }: Record<string, string>) => [operation, code]);
    expect(told).toEqual([
      ['createApiKey', 'forbidden'],
      ['createDeposit', 'forbidden'],
    ]);
  });

  it('the audit log is read in pages, by time, and only with its scope', async () => {
    const pages: string[] = [];
    let cursor: string | null = null;
    do {
      const path: string = `/v1/audit-log?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`;
      const { body } = await as(OPERATOR_KEY, `GET ${path}`);
      pages.push(...body.data.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor;
    } while (cursor !== null);
    const all = (await as(OPERATOR_KEY, 'GET /v1/audit-log?limit=200')).body.data;
    expect(pages).toEqual(all.map(({ id }: { id: string }) => id));
    const [{ createdAt: to }] = all;
    const before = (await as(OPERATOR_KEY, `GET /v1/audit-log?limit=200&from=2020-01-01T00:00:00Z&to=${to}`)).body.data;
    expect(before).toEqual(all.filter(({ createdAt }: { createdAt: string }) => createdAt < to));
    expect((await as(alice.token, 'GET /v1/audit-log')).status).toBe(403);
    expect((await as(OPERATOR_KEY, 'GET /v1/audit-log?subject=a%00')).status).toBe(400);
    expect((await as(OPERATOR_KEY, 'GET /v1/audit-log?cursor=bWFpbjo6')).body.code).toBe('invalid_cursor');
  });

  it('the audit log cannot be changed, not even by the owner of the tables', async () => {
    for (const table of ['audit_log', 'audit_outcomes']) {
      for (const statement of [`update micropay.${table} set code = ''`, `delete from micropay.${table}`]) {
        await expect(client.query(statement)).rejects.toMatchObject({ code: '23001' });
      }
      await expect(client.query(`truncate micropay.${table} cascade`)).rejects.toMatchObject({ code: '23001' });
    }
  });

  it('the audit log keeps a deposit whose outcome could not be stored, as begun', async () => {
    await client.query(`alter table micropay.audit_outcomes add constraint no_more check (outcome = '') not valid`);
    const body = { wallet: alice.wallet, amount: '7', currency: 'USD' };
    try {
      const reply = await as(OPERATOR_KEY, 'POST /v1/deposits', body, { 'x-request-id': 'no-outcome' });
      expect(reply.status).toBe(201);
    } finally {
      await client.query('alter table micropay.audit_outcomes drop constraint no_more');
    }
    expect(await entriesOf('no-outcome')).toMatchObject([
      { operation: 'createDeposit', outcome: 'begun', result: null },
    ]);
  });

  it('the audit log comes before the act: what cannot be recorded is not done', async () => {
    const balance = async () => (await as(alice.token, `GET /v1/wallets/${alice.wallet}`)).body.balance;
    const before = await balance();
    await client.query(`alter table micropay.audit_log add constraint no_more check (operation = '') not valid`);
    const body = { wallet: alice.wallet, amount: '7', currency: 'USD' };
    try {
      expect((await as(OPERATOR_KEY, 'POST /v1/deposits', body)).status).toBe(500);
      expect((await as(OPERATOR_KEY, 'POST /v1/api-keys', { name: 'lost', scopes: ['keys:read'] })).status).toBe(500);
    } finally {
      await client.query('alter table micropay.audit_log drop constraint no_more');
    }
    expect(await balance()).toBe(before);
    expect((await client.query(`select from micropay.api_keys where name = 'lost'`)).rowCount).toBe(0);
  });

  it('the audit log has what the command does, in the name of the account that ran it', async () => {
    const cli = (...words: string[]) =>
      startMicropay(words, { cwd: tmpdir(), environment: { DATABASE_URL: server.databaseUrl } }).result;
    const made = await cli('keys', 'create', 'by-cli', '--scopes', 'keys:read', '--reason', 'Ticket 9');
    expect(made.exitCode).toBe(0);
    const principal = `cli:${userInfo().username}`;
    const { exitCode, stdout } = await cli('audit', '--principal', principal, '--json');
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([
      0,
      [{ principal, operation: 'createApiKey', reason: 'Ticket 9', outcome: 'done', clientAddress: null }],
    ]);
    const text = await cli('audit', '--operation', 'createApiKey', '--limit', '1');
    expect(text.stdout).toMatch(/^time .*\n-+ .*\n\S+ {2}cli:\S+ +createApiKey .*Ticket 9\n$/);
    expect((await cli('audit', '--limit', '0')).exitCode).toBe(2);
    const tooLong = await cli('keys', 'revoke', 'by-cli', '--reason', 'x'.repeat(256));
    expect(tooLong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('must have 1 to 255 characters') });
  });

  it('the audit log has imports, also those of which lines were refused, and no checks', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'micropay-audit-'));
    const path = join(folder, 'book.csv');
    const environment = { DATABASE_URL: server.databaseUrl };
    const cli = (...words: string[]) => startMicropay(['import', ...words], { cwd: folder, environment }).result;
    try {
      await writeFile(path, 'address,currency\nassets:bank,USD\n');
      expect((await cli(path, '--check')).exitCode).toBe(0);
      expect((await cli(path)).exitCode).toBe(0);
      await writeFile(path, 'address,currency\nassets:bank,EUR\n');
      expect((await cli(path)).exitCode).toBe(1);
    } finally {
      await rm(folder, { recursive: true });
    }
    const { body } = await as(OPERATOR_KEY, 'GET /v1/audit-log?operation=import');
    expect(body.data).toMatchObject([
      { subject: 'book.csv', outcome: 'failed', principal: expect.stringMatching(/^cli:/) },
      { subject: 'book.csv', outcome: 'done' },
    ]);
  });

  it.each(['999999999999999', '0'])('the audit log takes a cursor with the time %s, whoever made it up', async (at) => {
    const cursor = Buffer.from(`main:${at}:${randomUUID()}`).toString('base64url');
    expect((await as(OPERATOR_KEY, `GET /v1/audit-log?cursor=${cursor}`)).status).toBe(200);
  });

  it('the audit log has a subject for every route that changes something and names it in its body or path', () => {
    const changing = ROUTES.map(({ endpoint }) => endpoint).filter(
      ({ method, scope }) => method !== 'get' && scope !== undefined,
    );
    const without = changing
      .filter(({ subject, path }) => subject === undefined && !/\{(id|code)\}/.test(path))
      .map(({ operationId }) => operationId);
    expect(without.sort()).toEqual(['createApiKey', 'createWebhookEndpoint', 'postLinkedTransfers', 'postTransfers']);
  });
});

describe('acts that are recorded together', () => {
  const actOf = (subject: string): Act => ({
    principal: 'operator:together',
    operation: 'createDeposit',
    subject,
    reason: undefined,
    clientAddress: undefined,
    requestId: undefined,
  });

  it('acts that come at once are recorded by few statements, and each with its own outcome', async () => {
    const database = connect(server.databaseUrl, 'micropay');
    const inserts = vi.spyOn(database, 'insertInto');
    const trail = createAuditTrail(database, 'main', { error: () => undefined });
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const id = await trail.begin(actOf(`deposit-${index}`));
        await trail.end(id, { outcome: 'done', result: `transfer-${index}` });
      }),
    );
    expect(inserts.mock.calls.length).toBeLessThan(40);
    const filter = { principal: 'operator:together' };
    const entries = await readAuditLog(database, 'main', { filter, limit: 500 });
    await database.destroy();
    expect(entries).toHaveLength(200);
    for (const { subject, outcome, result } of entries) {
      expect([outcome, result]).toEqual(['done', subject?.replace('deposit', 'transfer')]);
    }
  });

  it('acts that were refused are recorded up to a bound, and those of keys whatever users try', async () => {
    const database = connect(server.databaseUrl, 'micropay');
    const trail = createAuditTrail(database, 'main', { error: () => undefined });
    for (let index = 0; index < 100; index += 1) {
      await trail.refuse({ ...actOf('bounded'), principal: `user:stranger-${index}` }, 'user');
    }
    for (let index = 0; index < 100; index += 1) {
      await trail.refuse({ ...actOf('bounded'), principal: 'operator:stolen', operation: `operation-${index}` }, 'key');
    }
    const entries = await readAuditLog(database, 'main', { filter: { subject: 'bounded' }, limit: 500 });
    await database.destroy();
    expect(entries.filter(({ principal }) => principal.startsWith('user:'))).toHaveLength(10);
    expect(entries.filter(({ principal }) => principal === 'operator:stolen')).toHaveLength(60);
  });
});
