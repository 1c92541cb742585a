import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createInProcessPublisher, createLedger, createRelay } from '@micropay/ledger-core';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { migrateServer } from '../src/process/migrate-server.js';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { balanceOf, call, registerUser, type TestUser } from './support/call.js';
import { readMetric } from './support/metrics.js';
import { openStream } from './support/open-stream.js';
import { complete, enrol, freshCode, logIn, wrongCodeOf } from './support/second-factor.js';
import { createSoftwarePasskey } from './support/software-passkey.js';
import { OPERATOR_KEY, testConfig } from './support/test-server.js';

const site = { rpId: 'app.example.com', origin: 'https://app.example.com' };
const page = readFileSync(new URL('../../../docs/how-to/runtime-role.md', import.meta.url), 'utf8');
/** Roles belong to PostgreSQL and not to the database, so each run has a name of its own. */
const role = `micropay_server_${process.pid}`;
const grants = [...page.matchAll(/```sql\n([\s\S]+?)```/g)]
  .map(([, sql]) => sql?.replaceAll('micropay_app', role))
  .join('\n');

let database: TestDatabase;
let owner: pg.Client;
let client: pg.Client;
let url: string;
let server: RunningServer;
let alice: TestUser;
/** Of the log, to which mails go. */
const lines: string[] = [];
let bob: TestUser;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  await migrateServer({ database: database.url });
  await owner.query(grants);
  const changed = new URL(database.url);
  changed.username = role;
  changed.password = 'change-me';
  url = changed.href;
  client = new pg.Client({ connectionString: url });
  await client.connect();
  server = await startServer(
    testConfig(url, {
      migrate: false,
      verifyEverySeconds: 60,
      notifications: true,
      mail: { publicUrl: site.origin },
      secondFactors: { serviceName: 'Example Pay', passkeys: { rpId: site.rpId, origins: [site.origin] } },
    }),
    pino({}, { write: (line: string) => void lines.push(line) }),
  );
  alice = await registerUser(server.url, { balance: 1_000n });
  bob = await registerUser(server.url);
});
afterAll(async () => {
  await server?.close();
  await client?.end();
  await owner.query(`drop owned by ${role}; drop role ${role}`);
  await owner.end();
  await database.drop();
});

function as(token: string, target: string, body?: unknown) {
  return call(server.url, target, { token, key: randomUUID(), body });
}

describe('the server with the documented role', () => {
  it('the server with the documented role verifies its ledger on its schedule', async () => {
    await expect.poll(() => readMetric(server.url, 'micropay_verify_age_seconds')).toBeGreaterThanOrEqual(0);
    const finished = 'select problems_found from micropay.verifications where finished_at is not null';
    await expect
      .poll(async () => (await owner.query(finished)).rows, { timeout: 5_000 })
      .toEqual([{ problems_found: '0' }]);
  });

  it('the server with the documented role pays, holds, reverses and settles requests', async () => {
    const payment = { from: alice.wallet, to: bob.wallet, amount: '100', currency: 'USD' };
    const paid = await as(alice.token, 'POST /v1/transfers', payment);
    expect(paid.status).toBe(201);
    expect((await as(bob.token, `POST /v1/transfers/${paid.body.id}/reversals`, { amount: '40' })).status).toBe(201);
    const hold = await as(alice.token, 'POST /v1/holds', payment);
    expect(hold.status).toBe(201);
    expect((await as(bob.token, `POST /v1/holds/${hold.body.id}/capture`, { amount: '30' })).status).toBe(201);
    expect((await as(bob.token, `POST /v1/holds/${hold.body.id}/release`)).status).toBe(201);
    const requested = await call(server.url, 'POST /v1/transfers', {
      token: alice.token,
      key: randomUUID(),
      body: payment,
      headers: { prefer: 'respond-async' },
    });
    expect(requested.status).toBe(202);
    await expect
      .poll(async () => (await as(alice.token, `GET /v1/transfer-requests/${requested.body.id}`)).body.state)
      .toBe('posted');
    expect([await balanceOf(server.url, alice), await balanceOf(server.url, bob)]).toEqual(['810', '190']);
  });

  it('the server with the documented role freezes, limits and reads the past', async () => {
    expect((await as(OPERATOR_KEY, `POST /v1/wallets/${bob.wallet}/freeze`, {})).status).toBe(200);
    expect((await as(OPERATOR_KEY, `POST /v1/wallets/${bob.wallet}/unfreeze`)).status).toBe(200);
    expect((await as(alice.token, 'POST /v1/wallets', { currency: 'EUR' })).status).toBe(201);
    const at = new Date().toISOString();
    expect((await as(OPERATOR_KEY, `GET /v1/trial-balance?at=${at}`)).status).toBe(200);
    expect((await as(alice.token, `GET /v1/wallets/${alice.wallet}/entries`)).status).toBe(200);
  });

  it('the server with the documented role records what operators do, and what became of it', async () => {
    const { body } = await as(OPERATOR_KEY, 'GET /v1/audit-log?operation=createDeposit');
    expect(body.data).toMatchObject([{ outcome: 'done' }]);
  });

  it('the server with the documented role renews and ends sessions', async () => {
    const { email, password } = bob;
    const login = await call(server.url, 'POST /v1/auth/login', { body: { email, password } });
    expect(login.status).toBe(200);
    const { refreshToken } = login.body;
    const renewed = await call(server.url, 'POST /v1/auth/refresh', { body: { refreshToken } });
    expect(renewed.status).toBe(200);
    const logout = await call(server.url, 'POST /v1/auth/logout', {
      body: { refreshToken: renewed.body.refreshToken },
    });
    expect(logout.status).toBe(204);
    const change = { currentPassword: bob.password, newPassword: 'another correct horse battery' };
    expect((await as(bob.token, 'POST /v1/me/password', change)).status).toBe(204);
    expect((await as(bob.token, 'POST /v1/me/sessions/revoke-others')).status).toBe(204);
  });

  it('the server with the documented role sends mails, and completes what their links are for', async () => {
    const tokenIn = (page: string, to: string) => {
      const mail = lines.find((line) => line.includes(`mail to ${to}:`) && line.includes(`/${page}#token=`));
      return /#token=(mpl_[\w-]+)/.exec(mail ?? '')?.[1];
    };
    const complete = async (path: string, page: string, { to, ...rest }: { to: string; password?: string }) => {
      const token = await vi.waitUntil(() => tokenIn(page, to), { timeout: 5_000 });
      return (await call(server.url, `POST /v1/auth/${path}/complete`, { body: { token, ...rest } })).status;
    };
    const { email, password } = await registerUser(server.url);
    expect(await complete('email-verifications', 'verify-email', { to: email })).toBe(204);
    expect((await call(server.url, 'POST /v1/auth/password-resets', { body: { email } })).status).toBe(202);
    expect(await complete('password-resets', 'reset-password', { to: email, password })).toBe(204);
    const { body } = await call(server.url, 'POST /v1/auth/login', { body: { email, password } });
    const change = { email: 'changed@example.com', password };
    expect((await as(body.accessToken, 'POST /v1/me/email-changes', change)).status).toBe(202);
    expect(await complete('email-changes', 'confirm-email', { to: change.email })).toBe(204);
    expect((await as(body.accessToken, 'POST /v1/me/close', { password })).status).toBe(204);
  });

  it('the server with the documented role adds, uses and removes second factors', async () => {
    const user = await registerUser(server.url);
    const { secret, recoveryCodes } = await enrol(server.url, user);
    const { challenge } = (await logIn(server.url, user)).body;
    expect((await complete(server.url, challenge, wrongCodeOf(secret))).body.code).toBe('code_wrong');
    expect((await complete(server.url, challenge, await freshCode(owner, { secret }))).status).toBe(200);
    const again = (await logIn(server.url, user)).body;
    expect((await complete(server.url, again.challenge, String(recoveryCodes[0]))).status).toBe(200);
    const path = `POST /v1/users/${user.id}/second-factors/remove`;
    expect((await as(OPERATOR_KEY, path, { reason: 'Ticket 1042' })).status).toBe(204);
  });

  it('the server with the documented role adds passkeys, and completes logins with them', async () => {
    const [user, passkey] = [await registerUser(server.url), createSoftwarePasskey(site)];
    const path = 'POST /v1/me/second-factors/passkeys';
    const { options } = (await as(user.token, path, { password: user.password })).body;
    const confirmed = await as(user.token, `${path}/confirm`, { response: passkey.create(options) });
    expect(confirmed.status).toBe(200);
    const { challenge } = (await logIn(server.url, user)).body;
    const asked = await call(server.url, 'POST /v1/auth/login/passkey-request', { body: { challenge } });
    expect(asked.status).toBe(200);
    const body = { challenge, response: passkey.get(asked.body.options) };
    expect((await call(server.url, 'POST /v1/auth/login/passkey', { body })).status).toBe(200);
  });

  it('the server with the documented role makes, changes and deletes webhook endpoints', async () => {
    const body = { url: 'https://hooks.example.com/micropay' };
    const made = await as(OPERATOR_KEY, 'POST /v1/webhook-endpoints', body);
    expect(made.status).toBe(201);
    const endpoint = `/v1/webhook-endpoints/${made.body.endpoint.id}`;
    expect((await as(OPERATOR_KEY, `PATCH ${endpoint}`, { description: 'Ours' })).status).toBe(200);
    expect((await as(OPERATOR_KEY, `POST ${endpoint}/rotate-secret`)).status).toBe(200);
    expect((await as(OPERATOR_KEY, `DELETE ${endpoint}`)).status).toBe(204);
  });

  it('the documented role may change every table that the server changes, in the way that it does', async () => {
    const rights = { insertInto: 'insert', updateTable: 'update', deleteFrom: 'delete' } as const;
    const source = new URL('../src/', import.meta.url);
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const texts = files.map((file) => readFileSync(new URL(file, source), 'utf8'));
    const used = texts.flatMap((text) => [...text.matchAll(/\.(insertInto|updateTable|deleteFrom)\(\s*'(\w+)'/g)]);
    const needed = new Set(used.map(([, call, table]) => `${rights[call as keyof typeof rights]} ${table}`));
    expect(needed.size).toBeGreaterThan(50);
    const may = async (one: string) => {
      const [right, table] = one.split(' ');
      // An update is granted by column; a delete is of a table.
      const check = right === 'delete' ? 'has_table_privilege' : 'has_any_column_privilege';
      const { rows } = await owner.query(`select ${check}($1, $2, $3) as may`, [role, `micropay.${table}`, right]);
      return rows[0].may;
    };
    const lacking: string[] = [];
    for (const one of needed) if (!(await may(one))) lacking.push(one);
    expect(lacking).toEqual([]);
  });

  it('the server with the documented role makes, rotates and revokes API keys', async () => {
    const body = { name: 'reports', scopes: ['accounts:read'] };
    const made = await call(server.url, 'POST /v1/api-keys', { token: OPERATOR_KEY, body });
    expect(made.status).toBe(201);
    for (const action of ['rotate', 'revoke']) {
      const path = `POST /v1/api-keys/${made.body.apiKey.id}/${action}`;
      expect(await call(server.url, path, { token: OPERATOR_KEY })).toMatchObject({ status: 200 });
    }
  });

  it('the server with the documented role makes payouts', async () => {
    const body = { from: alice.wallet, amount: '1', currency: 'USD', destination: { iban: 'DE00' } };
    const { body: payout } = await as(alice.token, 'POST /v1/payouts', body);
    expect((await as(OPERATOR_KEY, `POST /v1/payouts/${payout.id}/take`)).status).toBe(200);
    const paid = await as(OPERATOR_KEY, `POST /v1/payouts/${payout.id}/pay`, { reference: 'po_1' });
    expect(paid.body).toMatchObject({ state: 'paid' });
    await expect(client.query('update micropay.payouts set amount = 2')).rejects.toMatchObject({ code: '42501' });
  });

  it('the server with the documented role notifies users, who read it and choose', async () => {
    const user = await registerUser(server.url, { balance: 5n });
    const inbox = async () => (await as(user.token, 'GET /v1/me/notifications')).body.data;
    await vi.waitUntil(async () => (await inbox()).length > 0, { timeout: 10_000 });
    const [{ id }] = await inbox();
    expect((await as(user.token, `POST /v1/me/notifications/${id}/read`)).status).toBe(200);
    const changed = await as(user.token, 'POST /v1/me/notifications/read-all');
    expect(changed.body).toEqual({ count: 0, unreadCount: 0 });
    const change = { language: 'de' };
    expect(
      await call(server.url, 'PATCH /v1/me/notification-preferences', { token: user.token, body: change }),
    ).toMatchObject({ status: 200, body: change });
  });

  it('the server with the documented role streams events, and a relay delivers them', async () => {
    const stream = await openStream(server.url, alice.token);
    await as(alice.token, 'POST /v1/transfers', { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' });
    await expect.poll(() => stream.events().map(({ event }) => event)).toContain('transfer.posted.v1');
    await stream.close();
    const delivered: string[] = [];
    const publisher = createInProcessPublisher(
      async (events) => void delivered.push(...events.map(({ type }) => type)),
    );
    const relay = createRelay({ database: url, sink: 'runtime-role', publisher });
    relay.start();
    await expect.poll(() => delivered).toContain('user.created.v1');
    await relay.stop();
  });

  it('the server with the documented role is ready, and verify finds nothing', async () => {
    expect((await call(server.url, 'GET /readyz')).status).toBe(200);
    expect((await as(OPERATOR_KEY, 'GET /v1/verify')).body).toMatchObject({ ok: true, problems: [] });
    const ledger = createLedger({ database: url });
    try {
      expect(await ledger.verify()).toMatchObject({ ok: true });
    } finally {
      await ledger.close();
    }
  });

  it('the server with the documented role starts again with another operator key', async () => {
    const other = await startServer(testConfig(url, { migrate: false, operatorApiKey: 'another-operator-key' }));
    expect((await call(other.url, 'GET /v1/verify', { token: 'another-operator-key' })).status).toBe(200);
    await other.close();
    const again = await startServer(testConfig(url, { migrate: false }));
    await again.close();
  });

  it.each([
    ...[
      'transfers',
      'events',
      'balances',
      'accounts',
      'holds',
      'transfer_requests',
      'users',
      'migrations',
      'audit_log',
    ].flatMap((table) => [
      `alter table micropay.${table} add column mine int`,
      `drop table micropay.${table}`,
      `truncate micropay.${table}`,
    ]),
    'update micropay.transfers set amount = 1',
    'delete from micropay.transfers',
    `update micropay.events set data = '{}'`,
    'delete from micropay.events',
    'alter table micropay.transfers disable trigger transfers_append_only',
    'set session_replication_role = replica',
    `update micropay.users set created_at = now()`,
    'delete from micropay.users',
    `update micropay.audit_log set reason = ''`,
    'delete from micropay.audit_log',
    'delete from micropay.audit_outcomes',
    `insert into micropay.migrations values ('server', 'mine', true)`,
  ])('the server with the documented role may not %s', async (statement) => {
    await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
  });
});

describe('MIGRATE=off', () => {
  it('MIGRATE=off refuses to start on tables that lack a migration, and says what to run', async () => {
    await owner.query(`delete from micropay.migrations where component = 'server'`);
    try {
      await expect(startServer(testConfig(url, { migrate: false }))).rejects.toMatchObject({
        code: 'schema_outdated',
        message: 'schema "micropay" lacks 0001-users.sql of server: run "micropay migrate", or start with MIGRATE=on',
      });
    } finally {
      await owner.query(`insert into micropay.migrations values ('server', '0001-users.sql', true)`);
    }
  });

  it('MIGRATE=off refuses to start on a database without tables', async () => {
    const start = startServer(testConfig(database.url, { migrate: false, databaseSchema: 'nothing' }));
    await expect(start).rejects.toMatchObject({ code: 'schema_outdated' });
    const { rows } = await owner.query(`select from pg_namespace where nspname = 'nothing'`);
    expect(rows).toEqual([]);
  });
});
