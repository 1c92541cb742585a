import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, escapeIdentifier, type PoolConfig } from 'pg';
import {
  list,
  type Members,
  nested,
  object,
  oneOf,
  optional,
  TIMER_MS_MAX,
  text,
  wholeNumber,
} from '../domain/input/arguments.js';
import { LedgerError } from '../errors.js';
import { MIGRATIONS_FOLDER } from '../migrations-folder.js';
import { fromClient, openClient } from './connect.js';
import { databaseArgument } from './database-argument.js';
import { inMigration } from './migration-lock.js';
import { type MigrationPhase, type MigrationPlan, readPlan, upToPhase } from './migration-plan.js';
import { fail, fromSqlError, isMissingTable } from './sql-errors.js';
import { type ConnectedStore, schemaName } from './store.js';
import type { SqlExecutor } from './transaction-adapter.js';

export interface MigrateOptions {
  /** Connection string or `pg` settings of a role that may create tables. */
  readonly database: string | PoolConfig;
  /** Default `micropay`; created if it is missing. */
  readonly schema?: string;
  /** The longest wait for another migration or for a locked table; default one minute. */
  readonly lockWaitMs?: number;
  /**
   * `before` leaves out the last migrations if they would break running processes of the previous release, and refuses earlier
   * ones of this kind with `schema_outdated`. Default `after`: all migrations.
   */
  readonly phase?: MigrationPhase;
}

export interface Migration {
  /** File name such as `0001-ledger.sql`; the order of names is the order of migrations. */
  readonly name: string;
  /**
   * Plain SQL with unqualified names. Its header says what it does to a database that is in use: `MigrationPlan`. It runs in a
   * transaction, unless it is one `create index concurrently if not exists`, which allows none.
   */
  readonly sql: string;
}

const COMPONENT = 'ledger-core';
/** A statement of a migration takes as long as the tables are large. */
const LIMITS = { statementTimeoutMs: 0, lockTimeoutMs: 0, answerTimeoutMs: 0 };
const LOCK_WAIT_MS = 60_000;
const NAME_LENGTH_MAX = 255;
const SQL_LENGTH_MAX = 10_000_000;

/**
 * Brings the ledger's tables to this version of the code and returns the names applied now. Safe to run
 * again and from many processes at once: each migration is applied by one of them.
 *
 * @throws {LedgerError} `invalid_request`; `schema_newer` when the database was migrated by a later release; `schema_outdated` for a `phase` before which others have to come; `database_unavailable`, `database_misconfigured`
 */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const checked = readOptions(options, 'options');
  return applyChecked({ ...checked, component: COMPONENT, migrations: await readMigrations(MIGRATIONS_FOLDER) });
}

/** Reads the `.sql` files of a folder in order of name. */
export async function readMigrations(folder: URL): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(names.map(async (name) => ({ name, sql: await readFile(new URL(name, folder), 'utf8') })));
}

type ComponentOptions = MigrateOptions & {
  readonly component: string;
  readonly migrations: readonly Migration[];
};

const OPTIONS: Members<MigrateOptions> = {
  database: databaseArgument,
  schema: optional(schemaName),
  lockWaitMs: optional(wholeNumber(0, TIMER_MS_MAX)),
  phase: optional(oneOf<MigrationPhase>(['before', 'after'])),
};
const readOptions = object(OPTIONS);
const component = text(1, NAME_LENGTH_MAX);
const migrations = list(nested<Migration>({ name: text(1, NAME_LENGTH_MAX), sql: text(1, SQL_LENGTH_MAX) }));
const readComponentOptions = object<ComponentOptions>({ ...OPTIONS, component, migrations });
const readPlanOptions = object<MigrateOptions & Partial<ComponentOptions>>({
  ...OPTIONS,
  component: optional(component),
  migrations: optional(migrations),
});

/**
 * The same as `migrate` for another component's own tables in the ledger's schema.
 *
 * @throws {LedgerError} as `migrate`
 */
export async function applyMigrations(options: ComponentOptions): Promise<readonly string[]> {
  return applyChecked(readComponentOptions(options, 'options'));
}

async function applyChecked(options: ComponentOptions): Promise<readonly string[]> {
  const schema = escapeIdentifier(options.schema ?? 'micropay');
  const { phase = 'after' } = options;
  const client = await openClient(options.database, LIMITS).catch(fail);
  try {
    const lockWaitMs = options.lockWaitMs ?? LOCK_WAIT_MS;
    const underLock = <Result>(step: () => Promise<Result>) => inMigration(client, { schema, lockWaitMs }, step);
    await underLock(() => createTables(client, schema));
    const missing = await safeMigrationsOf(options, phase, () =>
      missingOf(fromClient(client), schema, options.component, options.migrations),
    );
    const applied: string[] = [];
    for (const migration of missing) {
      const run = () => runMigration(client, { ...options, schema, lockWaitMs }, migration.sql);
      const isNew = await underLock(() => applyOne(client, schema, options.component, migration, run));
      if (isNew) applied.push(migration.name);
    }
    return applied;
  } catch (error) {
    // A table that a migration names and does not find is a fault of that migration.
    throw isMissingTable(error) ? error : fromSqlError(error);
  } finally {
    await client.end();
  }
}

/** Another process that migrates has applied its next migration by then, unless a table is locked. */
const OTHERS_MIGRATE_MS = 1_000;

/**
 * The missing migrations of a phase. For `before`, it refuses any that would break running processes of an earlier release. There
 * are no such processes before the first installation, even while another process is installing.
 *
 * @throws {LedgerError} `schema_outdated`
 */
async function safeMigrationsOf(
  { component, schema = 'micropay' }: ComponentOptions,
  phase: MigrationPhase,
  read: () => Promise<MissingMigrations>,
): Promise<readonly Migration[]> {
  for (let appliedBefore = 0; ; ) {
    const { missing, appliedCount } = await read();
    const migrations = missing(phase);
    const breaking = phase === 'before' && appliedCount > 0 ? findBreaking(migrations) : undefined;
    if (breaking === undefined) return migrations;
    if (appliedCount === appliedBefore) {
      const message = `schema "${schema}" lacks ${breaking.name} of ${component}, ${breaking.remedy}`;
      throw new LedgerError('schema_outdated', message, { schema, migration: breaking.name });
    }
    appliedBefore = appliedCount;
    await delay(OTHERS_MIGRATE_MS);
  }
}

/** The first one that may break what still runs, and what to do about it. */
function findBreaking(migrations: readonly Migration[]) {
  for (const { name, sql } of migrations) {
    const { phase, oldCodeMayRun } = readPlan(sql);
    if (phase === 'after') {
      return { name, remedy: 'which belongs to an earlier release: run "micropay migrate" of that release first' };
    }
    if (!oldCodeMayRun) {
      return {
        name,
        remedy: 'beside which no process of an earlier release may run: stop all of them, then run "micropay migrate"',
      };
    }
  }
  return undefined;
}

/** The schema only when it is missing: a role that may not create schemas is refused even one that is there. */
async function createTables(client: Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ exists: boolean }>('select to_regnamespace($1) is not null as exists', [
    schema,
  ]);
  if (rows[0]?.exists !== true) await client.query(`create schema if not exists ${schema}`);
  await client.query(`create table if not exists ${schema}.migrations (
    component text not null,
    name text not null,
    old_code_may_run boolean not null,
    applied_at timestamptz(3) not null default now(),
    constraint migrations_pkey primary key (component, name)
  )`);
}

/** Applies a migration, unless another process has done so meanwhile; returns whether it did. */
async function applyOne(
  client: Client,
  schema: string,
  component: string,
  { name, sql }: Migration,
  run: () => Promise<void>,
): Promise<boolean> {
  const { rowCount } = await client.query(`select from ${schema}.migrations where component = $1 and name = $2`, [
    component,
    name,
  ]);
  if (rowCount !== 0) return false;
  await run();
  await client.query(`insert into ${schema}.migrations (component, name, old_code_may_run) values ($1, $2, $3)`, [
    component,
    name,
    readPlan(sql).oldCodeMayRun,
  ]);
  return true;
}

const CONCURRENT_INDEX = /^create (?:unique )?index concurrently if not exists (\w+) on /m;

async function runMigration(
  client: Client,
  { database, schema, lockWaitMs }: Required<Pick<MigrateOptions, 'database' | 'schema' | 'lockWaitMs'>>,
  sql: string,
): Promise<void> {
  const index = CONCURRENT_INDEX.exec(sql)?.[1];
  if (index === undefined) {
    await client.query(`set local search_path = ${schema}`);
    await client.query(sql);
    return;
  }
  // The last statement with values keeps its snapshot until another statement comes, and building an index waits for snapshots.
  await client.query('select 1');
  await buildIndex({ database, schema, lockWaitMs, index, sql });
}

/**
 * Builds an index beside writers, on a connection without a transaction; the caller's transaction keeps the lock of migrations
 * meanwhile. An attempt that failed has left an invalid index behind, which is dropped first.
 */
async function buildIndex({
  database,
  schema,
  lockWaitMs,
  index,
  sql,
}: {
  readonly database: string | PoolConfig;
  readonly schema: string;
  readonly lockWaitMs: number;
  readonly index: string;
  readonly sql: string;
}): Promise<void> {
  const client = await openClient(database, { ...LIMITS, lockTimeoutMs: Math.max(1, lockWaitMs) });
  try {
    await client.query(`set search_path = ${schema}`);
    const { rowCount } = await client.query(
      'select from pg_index where indexrelid = to_regclass($1) and not indisvalid',
      [`${schema}.${index}`],
    );
    if (rowCount !== 0) await client.query(`drop index concurrently ${index}`);
    await client.query(sql);
  } finally {
    await client.end();
  }
}

interface MissingMigrations {
  readonly missing: (phase: MigrationPhase) => readonly Migration[];
  /** The number of migrations of the component that the database has. */
  readonly appliedCount: number;
}

/**
 * Compares the database's migrations with those of the code; returns the missing ones of a phase.
 *
 * @throws {LedgerError} `schema_newer` when the database has one that this code does not know and must not run beside
 */
async function missingOf(
  sql: SqlExecutor,
  schema: string,
  component: string,
  migrations: readonly Migration[],
): Promise<MissingMigrations> {
  const { rows: tables } = await sql.executeSql('select to_regclass($1) is not null as exists', [
    `${schema}.migrations`,
  ]);
  if (tables[0]?.exists !== true) return { missing: (phase) => upToPhase(migrations, phase), appliedCount: 0 };
  const { rows } = await sql.executeSql(
    `select name, old_code_may_run from ${schema}.migrations where component = $1 order by name`,
    [component],
  );
  const known = new Set(migrations.map(({ name }) => name));
  const newer = rows.find(({ name, old_code_may_run }) => !known.has(String(name)) && old_code_may_run !== true);
  if (newer !== undefined) {
    throw new LedgerError(
      'schema_newer',
      `the database has migration ${newer.name} of ${component}, which this release does not know: upgrade ${component}`,
      { migration: String(newer.name) },
    );
  }
  const applied = new Set(rows.map(({ name }) => name));
  return {
    missing: (phase) => upToPhase(migrations, phase).filter(({ name }) => !applied.has(name)),
    appliedCount: rows.length,
  };
}

/**
 * Resolves when the ledger's schema fits this code.
 *
 * @throws {LedgerError} `schema_outdated`, `schema_newer`
 */
export async function checkSchema({ sql, schema, schemaName }: ConnectedStore): Promise<void> {
  const migrations = await readMigrations(MIGRATIONS_FOLDER);
  const missing = (await missingOf(sql, schema, COMPONENT, migrations)).missing('before');
  if (missing.length > 0) {
    throw new LedgerError(
      'schema_outdated',
      `schema "${schemaName}" lacks migrations (${missing.map(({ name }) => name).join(', ')}): run migrate() first`,
      { schema: schemaName },
    );
  }
}

export interface PendingMigration extends MigrationPlan {
  readonly component: string;
  readonly name: string;
  /** About how many rows the tables hold whose size decides how long it takes; 0 where it takes a moment. */
  readonly rows: number;
}

/**
 * The migrations that `migrate` would apply now, in this order, and what each does to a database that is in use. It changes
 * nothing and takes no lock that anybody waits for. With `component` and `migrations` those of another component.
 *
 * @throws {LedgerError} as `migrate`
 */
export async function planMigrations(
  options: MigrateOptions & { readonly component?: string; readonly migrations?: readonly Migration[] },
): Promise<readonly PendingMigration[]> {
  const { database, phase = 'after', ...given } = readPlanOptions(options, 'options');
  const { component = COMPONENT, migrations = await readMigrations(MIGRATIONS_FOLDER) } = given;
  const schema = escapeIdentifier(given.schema ?? 'micropay');
  const client = await openClient(database, LIMITS).catch(fail);
  try {
    const { missing } = await missingOf(fromClient(client), schema, component, migrations);
    const pending: PendingMigration[] = [];
    for (const { name, sql } of missing(phase)) {
      const plan = readPlan(sql);
      pending.push({ component, name, ...plan, rows: await countRows(client, schema, plan.growsWith ?? []) });
    }
    return pending;
  } catch (error) {
    throw fromSqlError(error);
  } finally {
    await client.end();
  }
}

/** As PostgreSQL estimates them: counting would read the tables. One that was never analyzed counts as empty. */
async function countRows(client: Client, schema: string, tables: readonly string[]): Promise<number> {
  const { rows } = await client.query<{ rows: number }>(
    `select coalesce(sum(greatest(c.reltuples, 0)), 0)::float8 as rows
     from unnest($1::text[]) name
     join pg_class c on c.oid = to_regclass(name) or c.oid in (select relid from pg_partition_tree(to_regclass(name)))
     where c.relkind = 'r'`,
    [tables.map((table) => `${schema}.${table}`)],
  );
  return rows[0]?.rows ?? 0;
}
