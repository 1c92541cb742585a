import { randomUUID } from 'node:crypto';
import { type LocalPostgres, startTemporaryPostgres } from '@micropay/local-postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { balanceOf, call, deposit, type Reply, registerUser } from './support/call.js';
import { openStream } from './support/open-stream.js';
import { OPERATOR_KEY, testConfig } from './support/test-server.js';

type Settings = Readonly<Record<string, string>>;

/** Settings that operators make for a database, a role or a connection; the server is started once for each row. */
const TABLE: readonly (readonly [about: string, place: 'database' | 'role' | 'url', settings: Settings])[] = [
  [
    'how values are written and read',
    'database',
    {
      datestyle: 'German, DMY',
      intervalstyle: 'sql_standard',
      timezone: 'America/St_Johns',
      bytea_output: 'escape',
      extra_float_digits: '-15',
      client_encoding: 'LATIN1',
      array_nulls: 'off',
      standard_conforming_strings: 'off',
      backslash_quote: 'off',
      quote_all_identifiers: 'on',
      transform_null_equals: 'on',
      xmlbinary: 'hex',
      lc_numeric: 'C',
      lc_monetary: 'C',
    },
  ],
  [
    'transactions and durability',
    'role',
    {
      default_transaction_isolation: 'serializable',
      default_transaction_deferrable: 'on',
      synchronous_commit: 'off',
      session_replication_role: 'replica',
      exit_on_error: 'on',
      row_security: 'off',
      search_path: 'nowhere, pg_catalog',
      check_function_bodies: 'off',
      default_table_access_method: 'heap2',
    },
  ],
  [
    'how long things may take, and how they are planned',
    'url',
    {
      lock_timeout: '1ms',
      statement_timeout: '500ms',
      idle_in_transaction_session_timeout: '300ms',
      idle_session_timeout: '300ms',
      work_mem: '64kB',
      jit: 'on',
      jit_above_cost: '1e9',
      plan_cache_mode: 'force_generic_plan',
      enable_indexscan: 'off',
      enable_indexonlyscan: 'off',
      enable_nestloop: 'off',
      enable_hashjoin: 'off',
      join_collapse_limit: '1',
      default_statistics_target: '1',
      random_page_cost: '1000',
      default_toast_compression: 'pglz',
    },
  ],
];

/** Settings that PostgreSQL has only since this release. */
const LATER_SINCE = 17;
const LATER: Readonly<Record<string, Settings>> = { url: { transaction_timeout: '300ms' } };

let old: LocalPostgres;
beforeAll(async () => {
  old = await startTemporaryPostgres({ durable: false, release: 15 });
});
afterAll(() => old?.stop());

const servers = { 'the PostgreSQL of this run': () => inject('testPostgres').adminUrl, 'PostgreSQL 15': () => old.url };

describe.each(Object.entries(servers))('on %s', (_name, admin) => {
  it.each(TABLE)('the whole flow works with any setting of %s', async (_about, place, settings) => {
    const all = (await releaseOf(admin())) < LATER_SINCE ? settings : { ...settings, ...LATER[place] };
    const database = await databaseWith(admin(), place, all);
    const server = await startServer(testConfig(database.url));
    try {
      await wholeFlow(server);
    } finally {
      await server.close();
      await database.drop();
    }
  });
});

async function releaseOf(url: string): Promise<number> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ version: number }>(
      "select current_setting('server_version_num')::int / 10000 as version",
    );
    return Number(rows[0]?.version);
  } finally {
    await client.end();
  }
}

describe('a role of few connections', () => {
  const open = async (limit: number) => {
    const database = await databaseWith(inject('testPostgres').adminUrl, 'role', {});
    const role = new URL(database.url).username;
    await run(
      inject('testPostgres').adminUrl,
      `alter role ${role} nosuperuser connection limit ${limit}`,
      `alter database ${role} owner to ${role}`,
    );
    return database;
  };

  it('a role of few connections of five is answered under a burst, with a live stream', async () => {
    const database = await open(5);
    const server = await startServer(testConfig(database.url));
    try {
      const alice = await registerUser(server.url, { balance: 1_000n });
      const bob = await registerUser(server.url);
      const stream = await openStream(server.url, alice.token);
      const payment = { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' };
      const replies = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          index % 2 === 0
            ? call(server.url, 'POST /v1/transfers', { token: alice.token, key: randomUUID(), body: payment })
            : call(server.url, `GET /v1/wallets/${alice.wallet}/entries`, { token: alice.token }),
        ),
      );
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200, 201]));
      await expect.poll(() => stream.events().length).toBeGreaterThan(20);
      await stream.close();
    } finally {
      await server.close();
      await database.drop();
    }
  });

  it('a role of few connections of four is refused at the start, with what to do', async () => {
    const database = await open(4);
    await expect(startServer(testConfig(database.url))).rejects.toMatchObject({
      code: 'database_misconfigured',
      details: { reason: 'connections', allowed: 4, needed: 5 },
    });
    await database.drop();
  });

  it('a role of few connections is asked for those of webhooks where the ledger has endpoints', async () => {
    const database = await open(7);
    const server = await startServer(testConfig(database.url));
    const made = await call(server.url, 'POST /v1/webhook-endpoints', {
      token: OPERATOR_KEY,
      body: { url: 'https://example.com/' },
    });
    expect(made.status).toBe(201);
    await server.close();
    await expect(startServer(testConfig(database.url))).rejects.toMatchObject({
      details: { reason: 'connections', allowed: 7, needed: 8 },
    });
    await database.drop();
  });
});

it('the table of settings has at least twenty rows', () => {
  expect(TABLE.flatMap(([, , settings]) => Object.keys(settings)).length).toBeGreaterThan(20);
});

async function run(url: string, ...statements: readonly string[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let result: pg.QueryResult | undefined;
    for (const statement of statements) result = await client.query(statement);
    return result as pg.QueryResult;
  } finally {
    await client.end();
  }
}

/** A new database, and a superuser of its own, with these settings. */
async function databaseWith(adminUrl: string, place: 'database' | 'role' | 'url', settings: Settings) {
  const name = `settings_${randomUUID().slice(0, 8)}`;
  await run(
    adminUrl,
    `create database ${name} template template0`,
    `create role ${name} superuser login password 'secret'`,
  );
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  if ('default_table_access_method' in settings) {
    await run(url.href, 'create access method heap2 type table handler heap_tableam_handler');
  }
  if (place === 'url') {
    url.searchParams.set(
      'options',
      Object.entries(settings)
        .map(([setting, value]) => `-c ${setting}=${value}`)
        .join(' '),
    );
  } else {
    const lists = new Set(['search_path', 'datestyle']);
    const written = (setting: string, value: string) => (lists.has(setting) ? value : `'${value}'`);
    const set = Object.entries(settings).map(
      ([setting, value]) => `alter ${place} ${name} set ${setting} to ${written(setting, value)}`,
    );
    await run(adminUrl, ...set);
  }
  url.username = name;
  url.password = 'secret';
  return {
    url: url.href,
    drop: () => run(adminUrl, `drop database ${name} with (force)`, `drop role ${name}`),
  };
}

async function wholeFlow({ url }: RunningServer): Promise<void> {
  const expectStatus = async (expected: number, replying: Promise<Reply>) => {
    const reply = await replying;
    expect(reply.status, JSON.stringify(reply.body)).toBe(expected);
    return reply.body;
  };
  const alice = await registerUser(url);
  const bob = await registerUser(url);
  const { email, password, token } = alice;
  const post = (path: string, body: unknown) => call(url, `POST ${path}`, { token, key: randomUUID(), body });
  const get = (path: string, as = token) => call(url, `GET ${path}`, { token: as });

  await expectStatus(200, call(url, 'POST /v1/auth/login', { body: { email, password } }));
  await expectStatus(200, call(url, 'POST /v1/auth/refresh', { body: { refreshToken: bob.refreshToken } }));
  await expectStatus(200, get('/v1/me'));
  const stream = await openStream(url, bob.token);
  await expectStatus(201, deposit(url, alice.wallet, 1_000n));
  const payment = { from: alice.wallet, to: bob.wallet, amount: '10', currency: 'USD' };
  const { id } = await expectStatus(
    201,
    post('/v1/transfers', { ...payment, description: 'Zoë’s 10 € 𝄞', metadata: { q: '\\"{}null' } }),
  );
  expect(await expectStatus(200, get(`/v1/transfers/${id}`))).toMatchObject({
    description: 'Zoë’s 10 € 𝄞',
    metadata: { q: '\\"{}null' },
  });
  const hold = await expectStatus(
    201,
    post('/v1/holds', { ...payment, expiresAt: new Date(Date.now() + 3_600_000).toISOString() }),
  );
  await expectStatus(
    201,
    call(url, `POST /v1/holds/${hold.id}/capture`, { token: bob.token, key: randomUUID(), body: {} }),
  );
  const transfers = ['a', undefined, '€'].map((description) => ({
    ...payment,
    idempotencyKey: randomUUID(),
    ...(description === undefined ? {} : { description }),
  }));
  const { results } = await expectStatus(200, call(url, 'POST /v1/transfers/batch', { token, body: { transfers } }));
  expect(results.map((result: { transfer?: { description: unknown } }) => result.transfer?.description)).toEqual([
    'a',
    null,
    '€',
  ]);
  await expectStatus(
    202,
    call(url, 'POST /v1/transfers', { token, key: randomUUID(), body: payment, headers: { prefer: 'respond-async' } }),
  );
  await expect.poll(() => balanceOf(url, bob)).toBe('60');
  const entries = await expectStatus(200, get(`/v1/wallets/${alice.wallet}/entries`));
  expect(entries.data).toHaveLength(8);
  const later = new Date(Date.now() + 1_000).toISOString();
  expect(await expectStatus(200, get(`/v1/wallets/${alice.wallet}?at=${later}&by=effective`))).toMatchObject({
    balance: '940',
  });
  const today = new Date().toISOString().slice(0, 10);
  const statement = await expectStatus(200, get(`/v1/statements?account=${alice.wallet}&from=2020-01-01&to=${today}`));
  expect(statement).toMatchObject({ opening: '0' });
  await expect
    .poll(() => stream.events().filter(({ event }) => event === 'transfer.posted.v1').length)
    .toBeGreaterThan(4);
  await stream.close();
  expect(await expectStatus(200, get('/v1/verify', OPERATOR_KEY))).toMatchObject({ ok: true, problems: [] });
  expect(await expectStatus(200, get('/v1/trial-balance', OPERATOR_KEY))).toMatchObject({ balanced: true });
  await expectStatus(200, call(url, 'GET /readyz'));
}
