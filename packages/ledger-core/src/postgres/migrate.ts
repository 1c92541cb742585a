import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, escapeIdentifier, type PoolConfig } from 'pg';
import {
  list,
  type Members,
  nested,
  object,
  optional,
  TIMER_MS_MAX,
  text,
  wholeNumber,
} from '../domain/input/arguments.js';
import { LedgerError } from '../errors.js';
import { MIGRATIONS_FOLDER } from '../migrations-folder.js';
import { fromClient, openClient } from './connect.js';
import { databaseArgument } from './database-argument.js';
import { fail, fromSqlError, isLockTimeout, isMissingTable } from './sql-errors.js';
import { schemaName } from './store.js';
import type { TransactionAdapter } from './transaction-adapter.js';

export interface MigrateOptions {
  /** Connection string or `pg` settings of a role that may create tables. */
  readonly database: string | PoolConfig;
  /** Default `micropay`; made when it is missing. */
  readonly schema?: string;
  /** The longest wait for another migration or for a locked table; default one minute. */
  readonly lockWaitMs?: number;
}

export interface Migration {
  /** File name such as `0001-ledger.sql`; the order of names is the order of migrations. */
  readonly name: string;
  /** Plain SQL with unqualified names. Its header says `Old code may run beside it: yes` or `no`. */
  readonly sql: string;
}

const COMPONENT = 'ledger-core';
/** A statement of a migration takes as long as the tables are large. */
const LIMITS = { statementTimeoutMs: 0, lockTimeoutMs: 0, answerTimeoutMs: 0 };
const NAME_LENGTH_MAX = 255;
const SQL_LENGTH_MAX = 10_000_000;

/**
 * Brings the ledger's tables to this version of the code and returns the names applied now. Safe to run
 * again and from many processes at once: each migration is applied by one of them.
 *
 * @throws {LedgerError} `invalid_request`; `schema_newer` when the database was migrated by a later release, `database_unavailable`, `database_misconfigured`
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
};
const readOptions = object(OPTIONS);
const readComponentOptions = object<ComponentOptions>({
  ...OPTIONS,
  component: text(1, NAME_LENGTH_MAX),
  migrations: list(nested<Migration>({ name: text(1, NAME_LENGTH_MAX), sql: text(1, SQL_LENGTH_MAX) })),
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
  const client = await openClient(options.database, LIMITS).catch(fail);
  try {
    const lockWaitMs = options.lockWaitMs ?? LOCK_WAIT_MS;
    const inTurn = <Result>(step: () => Promise<Result>) => inMigration(client, { schema, lockWaitMs }, step);
    await inTurn(() => createTables(client, schema));
    const { missing } = await compareMigrations(fromClient(client), schema, options.component, options.migrations);
    const applied: string[] = [];
    for (const migration of missing) {
      const isNew = await inTurn(() => applyOne(client, schema, options.component, migration));
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
async function applyOne(client: Client, schema: string, component: string, { name, sql }: Migration): Promise<boolean> {
  const { rowCount } = await client.query(`select from ${schema}.migrations where component = $1 and name = $2`, [
    component,
    name,
  ]);
  if (rowCount !== 0) return false;
  const oldCodeMayRun = /^-- Old code may run beside it: (yes|no)$/m.exec(sql)?.[1] === 'yes';
  await client.query(`set local search_path = ${schema}`);
  await client.query(sql);
  await client.query(`insert into ${schema}.migrations (component, name, old_code_may_run) values ($1, $2, $3)`, [
    component,
    name,
    oldCodeMayRun,
  ]);
  return true;
}

const LOCK_WAIT_MS = 60_000;
const LOCK_TIMEOUT_MS = 3_000;
const LOCK_POLL_MS = 100;

/**
 * Runs one step under the lock of migrations, in a transaction: the lock goes with it, however it ends and whatever
 * pooler is in between. A step that meets locked tables lets go and begins again, so that it holds nobody up.
 *
 * @throws {LedgerError} `database_unavailable` that names the session in the way, after `lockWaitMs`
 */
async function inMigration<Result>(
  client: Client,
  { schema, lockWaitMs }: { readonly schema: string; readonly lockWaitMs: number },
  step: () => Promise<Result>,
): Promise<Result> {
  const startedAtMs = performance.now();
  for (;;) {
    await client.query('begin isolation level read committed');
    let refused: unknown;
    try {
      await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
      const { rows } = await client.query<{ taken: boolean }>(`select pg_try_advisory_xact_lock(${LOCK}) as taken`, [
        schema,
      ]);
      if (rows[0]?.taken === true) {
        const result = await step();
        await client.query('commit');
        return result;
      }
    } catch (error) {
      refused = error;
    }
    await client.query('rollback');
    if (refused !== undefined && !isLockTimeout(refused)) throw refused;
    if (performance.now() - startedAtMs > lockWaitMs) throw await lockedError(client, schema, refused);
    await delay(LOCK_POLL_MS);
  }
}

const LOCK = "hashtextextended('micropay migrations ' || $1, 0)";

interface Holder {
  readonly pid: number;
  readonly application: string;
  readonly seconds: number;
}

/** The session that has held the lock of migrations, or a table of the schema, for the longest. */
async function lockedError(client: Client, schema: string, cause: unknown): Promise<LedgerError> {
  const { rows } = await client.query<Holder>(
    `select a.pid, a.application_name as application,
       extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.state_change))::int as seconds
     from pg_locks l join pg_stat_activity a on a.pid = l.pid left join pg_class c on c.oid = l.relation
     where l.granted and a.pid <> pg_backend_pid()
       and l.database = (select oid from pg_database where datname = current_database())
       and (l.locktype = 'advisory' and l.objsubid = 1 and (l.classid::bigint << 32 | l.objid::bigint) = ${LOCK}
         or l.locktype = 'relation' and c.relnamespace = to_regnamespace($1))
     order by l.locktype, seconds desc limit 1`,
    [schema],
  );
  const [{ pid, application, seconds } = { pid: null, application: '', seconds: 0 }] = rows;
  const holder =
    pid === null
      ? 'another session, which has ended meanwhile, held the lock'
      : `session ${pid} ("${application}") has held a lock for ${seconds} s: wait for it, or end it with select pg_terminate_backend(${pid})`;
  return new LedgerError(
    'database_unavailable',
    `schema ${schema} is not migrated: ${holder}`,
    { pid, application, seconds },
    { cause },
  );
}

/**
 * Holds the database's migrations against those of the code.
 *
 * @throws {LedgerError} `schema_newer` when the database has one that this code does not know and must not run beside
 */
async function compareMigrations(
  transaction: TransactionAdapter,
  schema: string,
  component: string,
  migrations: readonly Migration[],
): Promise<{ readonly missing: readonly Migration[] }> {
  const { rows } = await transaction.executeSql(
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
  return { missing: migrations.filter(({ name }) => !applied.has(name)) };
}

/**
 * Resolves when the ledger's schema fits this code.
 *
 * @throws {LedgerError} `schema_outdated`, `schema_newer`
 */
export async function checkSchema(transaction: TransactionAdapter, schema: string): Promise<void> {
  const { rows } = await transaction.executeSql('select to_regclass($1) is not null as exists', [
    `${escapeIdentifier(schema)}.migrations`,
  ]);
  const missing =
    rows[0]?.exists === true
      ? (
          await compareMigrations(
            transaction,
            escapeIdentifier(schema),
            COMPONENT,
            await readMigrations(MIGRATIONS_FOLDER),
          )
        ).missing
      : [{ name: 'all' }];
  if (missing.length > 0) {
    throw new LedgerError(
      'schema_outdated',
      `schema "${schema}" lacks migrations (${missing.map(({ name }) => name).join(', ')}): run migrate() first`,
      { schema },
    );
  }
}
