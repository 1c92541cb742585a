import { basename } from 'node:path';
import { sql } from 'kysely';
import { createAuditTrail } from '../../audit/audit-trail.js';
import { connect, type Database } from '../../database/connect.js';
import { subjectOf } from '../../identity/act.js';
import type { DatabaseSettings } from '../../process/config.js';
import { cliAct } from '../cli-act.js';
import { EXIT, type ExitCode } from '../cli-error.js';

/**
 * Runs an import between its entry in the audit log and the outcome of it. A service that embeds the ledger without the server's tables
 * has no audit log.
 */
export async function recordImport(
  settings: DatabaseSettings,
  path: string,
  work: () => Promise<ExitCode>,
): Promise<ExitCode> {
  const database = connect(settings.databaseUrl, settings.databaseSchema);
  try {
    if (!(await hasAuditLog(database, settings.databaseSchema))) return await work();
    const trail = createAuditTrail(database, settings.ledger, {
      error: (details: object, message: string) => process.stderr.write(`${message}\n${JSON.stringify(details)}\n`),
    });
    const id = await trail.begin({ ...cliAct('import', undefined), subject: subjectOf(basename(path)) });
    let exitCode: ExitCode = EXIT.failed;
    try {
      exitCode = await work();
      return exitCode;
    } finally {
      await trail.end(id, { outcome: exitCode === EXIT.ok ? 'done' : 'failed' });
    }
  } finally {
    await database.destroy();
  }
}

async function hasAuditLog(database: Database, schema: string): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select exists (
      select from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where nspname = ${schema} and relname = 'audit_log'
    ) as found`.execute(database);
  return rows[0]?.found === true;
}
