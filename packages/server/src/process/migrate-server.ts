import { readdir, readFile } from 'node:fs/promises';
import {
  applyMigrations,
  LedgerError,
  type MigrateOptions,
  type Migration,
  migrate,
  type PendingMigration,
  planMigrations,
} from '@micropay/ledger-core';
import { PACKAGE_FOLDER } from '../package-folder.js';

const MIGRATIONS_FOLDER = new URL('migrations/', PACKAGE_FOLDER);
const COMPONENT = 'server';

/** Migrates the ledger's tables and then the server's; returns the names of the migrations applied now. */
export async function migrateServer(options: MigrateOptions): Promise<readonly string[]> {
  const ofLedger = await migrate(options);
  const ofServer = await applyMigrations({ ...options, component: COMPONENT, migrations: await readMigrations() });
  return [...ofLedger, ...ofServer];
}

/** The migrations that `migrateServer` would apply now. */
export async function planServer(options: MigrateOptions): Promise<readonly PendingMigration[]> {
  const ofLedger = await planMigrations(options);
  const ofServer = await planMigrations({ ...options, component: COMPONENT, migrations: await readMigrations() });
  return [...ofLedger, ...ofServer];
}

/**
 * Makes sure that the tables have what this release needs.
 *
 * @throws {LedgerError} `schema_outdated`, `schema_newer`
 */
export async function refuseOutdatedTables({ database, schema = 'micropay' }: MigrateOptions): Promise<void> {
  const missing = await planServer({ database, schema, phase: 'before' });
  if (missing.length === 0) return;
  const names = missing.map(({ component, name }) => `${name} of ${component}`).join(', ');
  throw new LedgerError(
    'schema_outdated',
    `schema "${schema}" lacks ${names}: run "micropay migrate", or start with MIGRATE=on`,
    { schema },
  );
}

async function readMigrations(): Promise<readonly Migration[]> {
  const names = (await readdir(MIGRATIONS_FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(new URL(name, MIGRATIONS_FOLDER), 'utf8') })),
  );
}
