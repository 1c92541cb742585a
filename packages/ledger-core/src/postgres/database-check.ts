import { object, optional, wholeNumber } from '../domain/input/arguments.js';
import { LedgerError } from '../errors.js';
import type { SqlExecutor } from './transaction-adapter.js';

/** A server setting that weakens durability, and that no session can change. */
export interface DatabaseWarning {
  readonly setting: 'fsync' | 'full_page_writes';
  readonly message: string;
}

export interface DatabaseCheckOptions {
  /** The least number of connections that this process needs; default 4, those of one ledger. */
  readonly connectionsMin?: number;
}

const CONNECTIONS_MAX = 10_000;
export const readCheckOptions = object<DatabaseCheckOptions>({
  connectionsMin: optional(wholeNumber(1, CONNECTIONS_MAX)),
});

const CONSEQUENCES: readonly DatabaseWarning[] = [
  {
    setting: 'fsync',
    message:
      'fsync is off: when the machine stops, transfers that were acknowledged are lost, or the whole database is',
  },
  {
    setting: 'full_page_writes',
    message: 'full_page_writes is off: when the machine stops, pages of the database may be torn',
  },
];

const SETTINGS = `select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
  (select min(allowed) from (
    select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true)::int, 0) as allowed
    union all select datconnlimit from pg_database where datname = current_database() and datconnlimit >= 0
    union all select rolconnlimit from pg_roles where rolname = session_user and rolconnlimit >= 0
  ) l) as allowed, (select rolsuper from pg_roles where rolname = session_user) as superuser`;

/**
 * Refuses a database that the ledger cannot work with for a reason that connecting does not reveal, and returns what
 * weakens its promises.
 *
 * @throws {LedgerError} `database_misconfigured`
 */
export async function checkDatabase(sql: SqlExecutor, connectionsMin: number): Promise<readonly DatabaseWarning[]> {
  const { rows } = await sql.executeSql(SETTINGS, []);
  const settings = rows[0] ?? {};
  // Limits of connections do not bind a superuser.
  if (settings.superuser !== true && Number(settings.allowed) < connectionsMin) {
    throw new LedgerError(
      'database_misconfigured',
      `this role may open ${settings.allowed} connections to this database, and this process needs at least ${connectionsMin}: ` +
        `raise it with "alter role … connection limit ${connectionsMin}" or more, alter database, or max_connections`,
      { reason: 'connections', allowed: Number(settings.allowed), needed: connectionsMin },
    );
  }
  return CONSEQUENCES.filter(({ setting }) => settings[setting] === 'off');
}
