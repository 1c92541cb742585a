import { spawnSync } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInProcessPublisher, createLedger, createRelay, type LedgerEvent } from '@micropay/ledger-core';
import { type LocalPostgres, startPostgres, startTemporaryPostgres } from '@micropay/local-postgres';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { migrateServer } from '../src/process/migrate-server.js';
import { requirePostgresTools } from './support/postgres-tools.js';
import { startMicropay } from './support/run-micropay.js';

// PostgreSQL 15, because pg_dump and pg_basebackup read servers of their own release and older ones.

const page = readFileSync(new URL('../../../docs/operating/backup.md', import.meta.url), 'utf8');

/** Programs are started one after the other. */
const TIMEOUT_MS = 180_000;

let whyNot: string | undefined;
let folder: string;
let postgres: LocalPostgres;
let url: string;
/** The events that consumers have seen before the database was lost. */
const seen: LedgerEvent[] = [];
const lost: string[] = [];

beforeAll(async () => {
  whyNot = requirePostgresTools();
  if (whyNot !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'micropay-backup-'));
  postgres = await startTemporaryPostgres({ durable: false, release: 15 });
  mkdirSync(join(folder, 'wal'));
  giveToPostgres(folder);
  for (const statement of command('archive').split('\n')) await sqlOn(postgres.url, statement);
  await postgres.restart();
  url = await postgres.database('money');
  await migrateServer({ database: url });
  await post(url, 5);
  seen.push(...(await deliver(url)));
  run(command('dump'), { DATABASE_URL: url });
  run(command('base-backup'), { DATABASE_URL: url });
  lost.push(...(await post(url, 3)));
  seen.push(...(await deliver(url)));
}, TIMEOUT_MS);
afterAll(() => {
  postgres?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** A command of the page, on the folder of this run. */
function command(name: string): string {
  const block = new RegExp(`<!-- ${name} -->\\n *\`\`\`(?:sh|sql|ini)\\n([\\s\\S]+?)\`\`\``).exec(page)?.[1];
  expect(block, `the page has no command "${name}"`).toBeDefined();
  return (block ?? '').replaceAll('/backup', folder).trim();
}

function run(
  script: string,
  environment: Readonly<Record<string, string>>,
  account: { readonly uid?: number; readonly gid?: number } = {},
): void {
  const { PATH = '' } = process.env;
  const { status, stdout, stderr } = spawnSync('bash', ['-euc', script], {
    encoding: 'utf8',
    env: { PATH, ...environment },
    ...account,
  });
  expect({ status, output: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, output: '' });
}

/** PostgreSQL does not run as root, and reads and writes only what belongs to its account. */
function giveToPostgres(path: string): void {
  const { uid, gid } = statSync(join(postgres.directory, 'cluster'));
  run(`chown -R ${uid}:${gid} "${path}"`, {});
}

async function sqlOn<Row extends pg.QueryResultRow>(database: string, text: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Posts so many cents to alice; returns the ids of the transfers. */
async function post(database: string, count: number): Promise<readonly string[]> {
  const ledger = createLedger({ database });
  try {
    for (const address of ['world', 'alice']) await ledger.accounts.ensure({ address, currency: 'USD' });
    const orders = Array.from({ length: count }, () => ({ from: 'world', to: 'alice', amount: 1n, currency: 'USD' }));
    return await Promise.all(orders.map(async (order) => (await ledger.transfers.post(order)).id));
  } finally {
    await ledger.close();
  }
}

/** Delivers what is new to a consumer, and returns it. */
async function deliver(database: string): Promise<readonly LedgerEvent[]> {
  const delivered: LedgerEvent[] = [];
  const publisher = createInProcessPublisher(async (events) => void delivered.push(...events));
  const relay = createRelay({ database, sink: 'kafka', publisher });
  relay.start();
  await vi.waitUntil(async () => (await relay.status()).rows === 0, { timeout: 30_000 });
  await relay.stop();
  return delivered;
}

/** They are delivered in the order of their positions. */
function highestSeen(): bigint {
  return seen.at(-1)?.position ?? 0n;
}

/** Waits until a restored server has replayed the archive. */
async function untilWritable(database: string): Promise<void> {
  await expect
    .poll(() => sqlOn(database, "select from pg_settings where name = 'in_hot_standby' and setting = 'off'"), {
      timeout: 30_000,
    })
    .toHaveLength(1);
}

async function verify(database: string): Promise<string> {
  const { result } = startMicropay(['verify'], { cwd: folder, environment: { DATABASE_URL: database } });
  return (await result).stdout;
}

/** The events that consumers have seen and the restored database does not have. */
async function lostBy(database: string): Promise<readonly LedgerEvent[]> {
  const query = command('lost').replace('101, 102', seen.map(({ position }) => position).join(', '));
  const missing = new Set((await sqlOn<{ position: string }>(database, query)).map(({ position }) => BigInt(position)));
  return seen.filter(({ position }) => missing.has(position));
}

function transfersOf(events: readonly LedgerEvent[]): readonly string[] {
  return events.filter(({ type }) => type === 'transfer.posted.v1').map(({ subject }) => subject);
}

it('a restored dump is sound, what consumers have seen beyond it is found by position, and positions go on above that', {
  timeout: TIMEOUT_MS,
}, async (context) => {
  if (whyNot !== undefined) context.skip(whyNot);
  const restored = await postgres.database('restored');
  run(command('restore-dump'), { RESTORED_URL: restored });
  expect(await verify(restored)).toBe('2 accounts and 5 transfers of ledger "main": nothing is wrong.\n');

  expect(transfersOf(await lostBy(restored))).toEqual(lost);

  const highest = highestSeen();
  await sqlOn(restored, command('set-position').replace('12345', String(highest)));
  const before = new Set(seen.map(({ id }) => id));
  const [next] = await post(restored, 1);
  const fresh = (await deliver(restored)).filter(({ id }) => !before.has(id));
  expect(transfersOf(fresh)).toEqual([next]);
  expect(fresh.every(({ position }) => position > highest)).toBe(true);
  expect(await verify(restored)).toBe('2 accounts and 6 transfers of ledger "main": nothing is wrong.\n');
});

it('a restored base backup has everything up to the last archived WAL file', {
  timeout: TIMEOUT_MS,
}, async (context) => {
  if (whyNot !== undefined) context.skip(whyNot);
  const [{ file } = { file: '' }] = await sqlOn<{ file: string }>(
    url,
    'select pg_walfile_name(pg_switch_wal()) as file',
  );
  await expect
    .poll(() => sqlOn(url, `select from pg_stat_archiver where last_archived_wal >= '${file}'`), { timeout: 30_000 })
    .toHaveLength(1);
  const directory = mkdtempSync(join(tmpdir(), 'micropay-postgres-'));
  copyFileSync(join(postgres.directory, 'password'), join(directory, 'password'));
  const data = join(directory, 'cluster');
  mkdirSync(data, { mode: 0o700 });
  run(command('restore-base'), { DATA: data });
  giveToPostgres(directory);
  const restored = await startPostgres({ directory, durable: false, temporary: true, release: 15 });
  try {
    const database = new URL(restored.url);
    database.pathname = '/money';
    await untilWritable(database.href);
    expect(await verify(database.href)).toBe('2 accounts and 8 transfers of ledger "main": nothing is wrong.\n');
    expect(await lostBy(database.href)).toEqual([]);
    expect(await post(database.href, 1)).toHaveLength(1);
  } finally {
    restored.stop();
  }
});

it('a backup of pgBackRest is restored to a time, and has every transfer until then and none after it', {
  timeout: TIMEOUT_MS,
}, async (context) => {
  if (whyNot !== undefined) context.skip(whyNot);
  const directory = mkdtempSync(join(tmpdir(), 'micropay-backup-'));
  let source = await startPostgres({ directory, durable: false, release: 15 });
  try {
    const data = join(source.directory, 'cluster');
    const config = join(source.directory, 'pgbackrest.conf');
    const settings = command('pgbackrest-conf')
      .replaceAll(folder, directory)
      .replace('/var/lib/postgresql/15/main', data);
    const places = ['log-path', 'lock-path', 'spool-path'].map((name) => `${name}=${directory}/pgbackrest`);
    writeFileSync(config, settings.replace('[global]', ['[global]', ...places].join('\n')));
    const { uid, gid } = statSync(data);
    chownSync(directory, uid, gid);
    mkdirSync(join(directory, 'pgbackrest'));
    chownSync(join(directory, 'pgbackrest'), uid, gid);
    const backUp = (name: string, target = '') => {
      const script = command(name).replaceAll('pgbackrest ', `pgbackrest --config=${config} `);
      // Debian's PostgreSQL has a socket and trusts its own account; this one has neither.
      const { hostname, port, password } = new URL(source.url);
      const connection = { PGHOST: hostname, PGBACKREST_PG1_PORT: port, PGUSER: 'postgres', PGPASSWORD: password };
      run(script.replace('2026-11-29 18:00:00+00', target), connection, { uid, gid });
    };
    for (const statement of command('pgbackrest-archive').split('\n')) {
      await sqlOn(source.url, statement.replace('pgbackrest ', `pgbackrest --config=${config} `));
    }
    await source.restart();
    const database = await source.database('money');
    await migrateServer({ database });
    await post(database, 5);
    backUp('pgbackrest-backup');
    await post(database, 3);
    // pgBackRest knows the end of a backup to the second.
    await sqlOn(database, 'select pg_sleep(2)');
    const [{ now } = { now: '' }] = await sqlOn<{ now: string }>(database, 'select clock_timestamp()::text as now');
    await post(database, 2);
    await sqlOn(database, 'select pg_switch_wal()');
    source.stop();
    backUp('pgbackrest-restore', now);
    source = await startPostgres({ directory, durable: false, release: 15 });
    const restored = await source.database('money');
    await untilWritable(restored);
    expect(await verify(restored)).toBe('2 accounts and 8 transfers of ledger "main": nothing is wrong.\n');
  } finally {
    source.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});
