import { readdir, readFile } from 'node:fs/promises';
import { applyMigrations, migrate } from '@micropay/ledger-core';
import { PACKAGE_FOLDER } from '../package-folder.js';

const MIGRATIONS_FOLDER = new URL('migrations/', PACKAGE_FOLDER);

/** Migrates the ledger's tables and then the server's; returns the names of the migrations applied now. */
export async function migrateServer(database: string, schema: string): Promise<readonly string[]> {
  const ofLedger = await migrate({ database, schema });
  const names = (await readdir(MIGRATIONS_FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  const migrations = await Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(new URL(name, MIGRATIONS_FOLDER), 'utf8') })),
  );
  const ofServer = await applyMigrations({ database, schema, component: 'server', migrations });
  return [...ofLedger, ...ofServer];
}
