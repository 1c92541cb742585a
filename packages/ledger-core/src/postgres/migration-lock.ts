import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { LedgerError } from '../errors.js';
import { isLockTimeout } from './sql-errors.js';

const LOCK_TIMEOUT_MS = 3_000;
const LOCK_POLL_MS = 100;

/**
 * Runs one step under the lock of migrations, in a transaction: the lock goes with it, however it ends and whatever
 * pooler is in between. A step that meets locked tables lets go and begins again, so that it holds nobody up.
 *
 * @throws {LedgerError} `database_unavailable` that names the session in the way, after `lockWaitMs`
 */
export async function inMigration<Result>(
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
      // It stands still while an index is built on another connection.
      await client.query('set local idle_in_transaction_session_timeout = 0');
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
