import type { ClientBase } from 'pg';
import { LedgerError } from '../errors.js';
import { meetServer, type ServerState } from './server-watch.js';

export interface SessionLimits {
  /** Past it PostgreSQL ends a statement; 0 for never. */
  readonly statementTimeoutMs: number;
  /** Past it PostgreSQL gives up waiting for a lock; 0 for never. */
  readonly lockTimeoutMs: number;
}

/** Part of connecting, and no longer than that may take. */
const PREPARE_TIMEOUT_MS = 5_000;
const OLDEST_VERSION = 14;
/** A transaction that stands still for as long belongs to a process that hangs, and its locks are freed. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;

/**
 * All that the code relies on and that a database, a role, a connection string or PGOPTIONS may have set otherwise.
 * Settings that are not here may have any value; `settings.test.ts` tries them.
 */
function settingsOf({ statementTimeoutMs, lockTimeoutMs }: SessionLimits): Readonly<Record<string, string>> {
  return {
    // Formats of values: `pg` sends and reads UTF-8, and dates in ISO only.
    client_encoding: 'UTF8',
    datestyle: 'ISO',
    timezone: 'UTC',
    array_nulls: 'on',
    standard_conforming_strings: 'on',
    // Transactions that do not name their isolation.
    default_transaction_isolation: 'read committed',
    // Triggers hold the journal append-only, foreign keys are triggers too.
    session_replication_role: 'origin',
    // A refused statement ends in a rollback, not in a lost connection.
    exit_on_error: 'off',
    statement_timeout: String(statementTimeoutMs),
    lock_timeout: String(lockTimeoutMs),
    idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_TIMEOUT_MS),
    idle_session_timeout: '0',
    // PostgreSQL 17 and later.
    transaction_timeout: '0',
    // Views of ours are read, whatever an operator keeps dumps from.
    restrict_nonsystem_relation_kind: '',
  };
}

/** The search path comes first: what follows means PostgreSQL's own functions, whatever an operator's path shadows. */
function prepareSql(limits: SessionLimits): string {
  const values = Object.entries(settingsOf(limits)).map(([name, value]) => `('${name}', '${value}')`);
  return `set search_path = pg_catalog;
    select set_config(name, value, false) from (values ${values.join(', ')}) wanted (name, value)
      where current_setting(name, true) <> value
        and (name <> 'session_replication_role' or current_setting('is_superuser') = 'on');
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off';
    select current_setting('server_version_num')::int / 10000 as version, current_setting('server_version') as release,
      current_setting('server_encoding') as encoding, current_setting('session_replication_role') as replication_role,
      extract(epoch from pg_postmaster_start_time())::text as server_started,
      current_setting('transaction_read_only')::boolean as read_only`;
}

interface SessionState extends ServerState {
  readonly version: number;
  readonly release: string;
  readonly encoding: string;
  readonly replication_role: string;
}

/**
 * Makes a new connection ready, in one round trip: sets what the code relies on, and refuses a database that no setting
 * makes fit, or a server that takes no writes.
 *
 * @throws {LedgerError} `database_misconfigured`
 */
export async function prepareSession(client: ClientBase, limits: SessionLimits): Promise<void> {
  // The types leave the timeout out.
  const prepare = { text: prepareSql(limits), query_timeout: PREPARE_TIMEOUT_MS };
  const results = (await client.query(prepare)) as unknown as readonly { readonly rows: SessionState[] }[];
  const [state] = results.at(-1)?.rows ?? [];
  if (state === undefined) return;
  refuseUnsuitable(state);
  meetServer(client, state);
}

/** @throws {LedgerError} `database_misconfigured` */
export function refuseUnsuitable({ version, release, encoding, replication_role: role }: SessionState): void {
  if (version < OLDEST_VERSION) {
    throw new LedgerError(
      'database_misconfigured',
      `this is PostgreSQL ${release}, and the ledger needs ${OLDEST_VERSION} or later: upgrade it`,
      { reason: 'version', version: release },
    );
  }
  if (encoding !== 'UTF8') {
    throw new LedgerError(
      'database_misconfigured',
      `this database is encoded in ${encoding}, and the ledger needs UTF8: ` +
        `create another one with "create database … encoding 'UTF8' template template0"`,
      { reason: 'encoding', encoding },
    );
  }
  if (role === 'replica') throw triggersDisabled();
}

/** In a session of replicas no trigger fires: the journal could be changed, and rows could name accounts that are not there. */
export function triggersDisabled(): LedgerError {
  return new LedgerError(
    'database_misconfigured',
    'session_replication_role is "replica" here, which disables the triggers that keep the journal append-only: ' +
      'a superuser can undo this with "alter role … reset session_replication_role" (or alter database)',
    { reason: 'session_replication_role' },
  );
}
