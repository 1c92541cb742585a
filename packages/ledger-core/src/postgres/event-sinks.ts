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

/** One leader a sink, whichever process: a lock of the session, free again when its connection ends. */
export async function tryToLead({ sql, schema }: ConnectedStore, sink: string): Promise<boolean> {
  const { rows } = await sql.executeSql(
    `select pg_try_advisory_lock(hashtextextended('micropay relay ' || $1, 0)) as leads`,
    [`${schema} ${sink}`],
  );
  return rows[0]?.leads === true;
}
