import { createLedger, type Ledger } from '@micropay/ledger-core';
import { createPool } from '@micropay/ledger-core/pg';
import { escapeIdentifier } from 'pg';
import type { DatabaseSettings } from '../process/config.js';
import { CliError } from './cli-error.js';

/**
 * Opens a ledger for one piece of work. A ledger is made on first use, so commands that only read refuse a name that
 * is not there: it would be a slip of the pen.
 *
 * @throws {CliError} `ledger_not_found`
 * @throws {LedgerError} `database_unavailable`, `database_misconfigured`, `schema_outdated`, `schema_newer`
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

const READ_LIMITS = { connectionsMax: 1, statementTimeoutMs: 10_000, lockTimeoutMs: 0, answerTimeoutMs: 15_000 };

async function ledgerNames({ databaseUrl, databaseSchema }: DatabaseSettings): Promise<readonly string[]> {
  const pool = createPool(databaseUrl, READ_LIMITS);
  try {
    const { rows } = await pool.query<{ name: string }>(`select name from ${escapeIdentifier(databaseSchema)}.ledgers`);
    return rows.map(({ name }) => name);
  } finally {
    await pool.end();
  }
}
