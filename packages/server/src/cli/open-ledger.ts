import { createLedger, type Ledger } from '@micropay/ledger-core';
import pg from 'pg';
import type { DatabaseSettings } from '../config.js';
import { CliError } from './cli-error.js';

/**
 * Opens a ledger for one piece of work. A ledger is made on first use, so commands that only read refuse a name that
 * is not there: it would be a slip of the pen.
 *
 * @throws {CliError} `ledger_not_found`
 * @throws {LedgerError} `database_unavailable`, `schema_outdated`, `schema_newer`
 */
export async function withLedger<Result>(
  settings: DatabaseSettings,
  { mayBeNew }: { readonly mayBeNew: boolean },
  work: (ledger: Ledger) => Promise<Result>,
): Promise<Result> {
  const { databaseUrl: database, databaseSchema: schema, ledger: name } = settings;
  const ledger = createLedger({ database, schema, name });
  try {
    await ledger.check();
    if (!mayBeNew && !(await ledgerNames(settings)).includes(name)) {
      throw new CliError('ledger_not_found', `schema "${schema}" has no ledger "${name}": choose one with --ledger`);
    }
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}

async function ledgerNames({ databaseUrl, databaseSchema }: DatabaseSettings): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'micropay' });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select name from ${pg.escapeIdentifier(databaseSchema)}.ledgers`,
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
