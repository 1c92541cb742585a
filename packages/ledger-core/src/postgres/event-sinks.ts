import type { ConnectedStore } from './store.js';

export interface SinkState {
  readonly isPaused: boolean;
  /** Another one means that somebody has moved cursors of the sink. */
  readonly revision: string;
}

/** The state of a sink; undefined until it is known. */
export async function findSink({ sql, schema }: ConnectedStore, sink: string): Promise<SinkState | undefined> {
  const { rows } = await sql.executeSql(`select paused, revision::text from ${schema}.event_sinks where sink = $1`, [
    sink,
  ]);
  const [row] = rows;
  return row && { isPaused: row.paused === true, revision: String(row.revision) };
}

/** Makes a sink known: from then on, events that it has not received are not deleted. It receives those of one ledger, or of all. */
export async function openSink({ sql, schema }: ConnectedStore, sink: string, only: number | null): Promise<void> {
  await sql.executeSql(
    `insert into ${schema}.event_sinks as s (sink, only_ledger) values ($1, $2)
     on conflict (sink) do update set only_ledger = excluded.only_ledger
       where s.only_ledger is distinct from excluded.only_ledger`,
    [sink, only],
  );
}

/** False when there is no such sink. */
export async function setPaused({ sql, schema }: ConnectedStore, sink: string, paused: boolean): Promise<boolean> {
  const { rows } = await sql.executeSql(`update ${schema}.event_sinks set paused = $2 where sink = $1 returning sink`, [
    sink,
    paused,
  ]);
  return rows.length > 0;
}

/** Has the relay of a sink look at its cursors again. */
export async function reviseSink({ sql, schema }: ConnectedStore, sink: string): Promise<void> {
  await sql.executeSql(`update ${schema}.event_sinks set revision = revision + 1 where sink = $1`, [sink]);
}

const LEAD = "hashtextextended('micropay relay ' || $1, 0)";
const leadOf = (schema: string, sink: string) => `${schema} ${sink}`;

/** One leader a sink, whichever process: a lock of the session, free again when its connection ends. */
export async function tryToLead({ sql, schema }: ConnectedStore, sink: string): Promise<boolean> {
  const { rows } = await sql.executeSql(`select pg_try_advisory_lock(${LEAD}) as leads`, [leadOf(schema, sink)]);
  return rows[0]?.leads === true;
}

/** The session that leads a sink, while PostgreSQL waits for its process and not the other way round. */
export interface WaitingLeader {
  readonly pid: number;
  /** Another one after each statement. */
  readonly since: string;
}

/** Sessions of the own role alone: of others PostgreSQL does not say what they do, and lets nobody end them. */
const WAITING_LEADERS = `from pg_locks l join pg_stat_activity a on a.pid = l.pid
  where l.granted and l.locktype = 'advisory' and l.objsubid = 1 and (l.classid::bigint << 32 | l.objid::bigint) = ${LEAD}
    and l.database = (select oid from pg_database where datname = current_database())
    and a.usename = current_user and a.wait_event_type = 'Client' and a.state_change is not null`;

export async function findWaitingLeader(
  { sql, schema }: ConnectedStore,
  sink: string,
): Promise<WaitingLeader | undefined> {
  const { rows } = await sql.executeSql(`select a.pid, a.state_change::text as since ${WAITING_LEADERS}`, [
    leadOf(schema, sink),
  ]);
  const [row] = rows;
  return row && { pid: Number(row.pid), since: String(row.since) };
}

/** Ends the session of a leader that has sent nothing since; false when it has. */
export async function endLeader(
  { sql, schema }: ConnectedStore,
  sink: string,
  { pid, since }: WaitingLeader,
): Promise<boolean> {
  const { rows } = await sql.executeSql(
    `select pg_terminate_backend(a.pid) as ended ${WAITING_LEADERS} and a.pid = $2 and a.state_change::text = $3`,
    [leadOf(schema, sink), pid, since],
  );
  return rows[0]?.ended === true;
}
