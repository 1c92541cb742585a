import type { Row } from './balances.js';
import type { ConnectedStore, Store } from './store.js';

/**
 * A transaction that draws a position locks the sequence until it has ended. It takes the lock before it draws. The lock is
 * released after new snapshots see the end, and passes to the transaction once that is prepared. So the locks show which
 * transactions may still fill a gap: those of this database that have drawn a position, and no others of the cluster. The
 * locks are read once: a transaction that ends or is prepared between two readings would be in neither.
 */
const DRAWERS = `locks as materialized (select * from pg_locks where granted),
  drawers as (
    select drawn.pid, own.transactionid as id, own.transactionid::text::bigint as id_32
    from locks drawn left join locks own
      on own.virtualtransaction = drawn.virtualtransaction and own.locktype = 'transactionid' and own.mode = 'ExclusiveLock'
    where drawn.locktype = 'relation' and drawn.mode = 'RowExclusiveLock' and drawn.relation = $1::regclass
      and drawn.database = (select oid from pg_database where datname = current_database()))`;

/** Locks show only the lower 32 bits of an id, and every running id is less than 2^31 away from the next one. */
const WHOLE_ID = 'next + (id_32 - next % 4294967296 + 6442450944) % 4294967296 - 2147483648';

function sequenceOf({ schema }: Store): string {
  return `${schema}.event_position`;
}

/**
 * The oldest id among transactions that have drawn a position and have not ended; the next id when there are none. A lock
 * without an id is met while its transaction ends or is being prepared: then it counts as the oldest of the cluster.
 */
export async function oldestDrawer(store: ConnectedStore): Promise<bigint> {
  const { rows } = await store.sql.executeSql(
    `with horizon as materialized (
       select pg_snapshot_xmin(snapshot)::text::bigint as oldest_running, pg_snapshot_xmax(snapshot)::text::bigint as next
       from pg_current_snapshot() snapshot),
     ${DRAWERS}
     select coalesce(min(coalesce(${WHOLE_ID}, oldest_running)), (select next from horizon))::text as id
     from drawers, horizon`,
    [sequenceOf(store)],
  );
  return BigInt(String(rows[0]?.id));
}

/**
 * Waits until every transaction has ended that has drawn a position and is older than a bound: an id that was handed out after them.
 * False if one stays open for longer. `pause` is called between two looks with the number of those before it.
 */
export async function untilDrawersEnd(
  store: ConnectedStore,
  bound: bigint,
  { waitMaxMs, pause }: { readonly waitMaxMs: number; readonly pause: (looks: number) => Promise<void> },
): Promise<boolean> {
  const untilMs = performance.now() + waitMaxMs;
  for (let looks = 1; (await oldestDrawer(store)) < bound; looks += 1) {
    if (performance.now() > untilMs) return false;
    await pause(looks);
  }
  return true;
}

/** An open transaction that has drawn a position: readers of the log wait for what it may still write. */
export interface OldestWriter {
  /** Process id of its session in PostgreSQL, for `pg_terminate_backend`; null once it is prepared. */
  readonly pid: number | null;
  /** Name of a prepared transaction, for `rollback prepared` or `commit prepared`. */
  readonly preparedAs: string | null;
  readonly application: string;
  readonly database: string;
  /** The time at which it began; null if this role may not see it. */
  readonly since: Date | null;
  /** Its age by the database's clock; 0 if this role may not see it. */
  readonly seconds: number;
}

/** The oldest of them; null when there is none. */
export async function readOldestWriter(store: ConnectedStore): Promise<OldestWriter | null> {
  const { rows } = await store.sql.executeSql(
    `with ${DRAWERS},
     named as (
       select d.pid, p.gid as prepared_as, coalesce(a.application_name, '') as application,
         current_database()::text as database, coalesce(p.prepared, a.xact_start) as since
       from drawers d left join pg_stat_activity a on a.pid = d.pid left join pg_prepared_xacts p on p.transaction = d.id
       where d.pid is distinct from pg_backend_pid())
     select pid, prepared_as, application, database, (extract(epoch from since) * 1000)::text as since_ms,
       extract(epoch from clock_timestamp() - since)::text as seconds
     from named order by since limit 1`,
    [sequenceOf(store)],
  );
  return rows[0] === undefined ? null : toWriter(rows[0]);
}

function toWriter(row: Row): OldestWriter {
  return {
    pid: row.pid === null ? null : Number(row.pid),
    preparedAs: row.prepared_as as string | null,
    application: String(row.application),
    database: String(row.database),
    since: row.since_ms === null ? null : new Date(Number(row.since_ms)),
    seconds: Number(row.seconds ?? 0),
  };
}
