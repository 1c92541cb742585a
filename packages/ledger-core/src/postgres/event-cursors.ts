import type { ConnectedStore } from './store.js';

export interface EventCursor {
  /** The last position delivered to the sink. */
  readonly position: bigint;
  readonly paused: boolean;
}

/** The cursor of a sink that has received nothing. */
export const NEW_CURSOR: EventCursor = { position: 0n, paused: false };

/** The cursor of a sink; undefined until it has one. */
export async function findCursor({ sql, schema }: ConnectedStore, sink: string): Promise<EventCursor | undefined> {
  const { rows } = await sql.executeSql(`select position::text, paused from ${schema}.event_cursors where sink = $1`, [
    sink,
  ]);
  const [row] = rows;
  return row && { position: BigInt(String(row.position)), paused: row.paused === true };
}

/** The cursor of a sink, created if it is missing. From then on, events that the sink has not received are not deleted. */
export async function openCursor(store: ConnectedStore, sink: string): Promise<EventCursor> {
  const cursor = await findCursor(store, sink);
  if (cursor !== undefined) return cursor;
  await store.sql.executeSql(`insert into ${store.schema}.event_cursors (sink) values ($1) on conflict do nothing`, [
    sink,
  ]);
  return (await findCursor(store, sink)) ?? NEW_CURSOR;
}

/** Gives a sink that has no cursor one at this position. */
export async function openCursorAt({ sql, schema }: ConnectedStore, sink: string, position: bigint): Promise<void> {
  await sql.executeSql(`insert into ${schema}.event_cursors (sink, position) values ($1, $2) on conflict do nothing`, [
    sink,
    String(position),
  ]);
}

/** Moves a cursor on to this position, unless it is there or further. */
export async function skipTo({ sql, schema }: ConnectedStore, sink: string, position: bigint): Promise<void> {
  await sql.executeSql(
    `update ${schema}.event_cursors set position = $2, moved_at = statement_timestamp() where sink = $1 and position < $2`,
    [sink, String(position)],
  );
}

/** Moves the cursor on; false when somebody else has moved it. */
export async function advanceCursor(
  { sql, schema }: ConnectedStore,
  { sink, from, to }: { readonly sink: string; readonly from: bigint; readonly to: bigint },
): Promise<boolean> {
  const { rows } = await sql.executeSql(
    `update ${schema}.event_cursors set position = $3, moved_at = statement_timestamp()
     where sink = $1 and position = $2 returning position`,
    [sink, String(from), String(to)],
  );
  return rows.length > 0;
}

/** Puts the cursor back, so that what follows it is delivered again; false when it has not come so far. */
export async function rewindCursor({ sql, schema }: ConnectedStore, sink: string, after: bigint): Promise<boolean> {
  const { rows } = await sql.executeSql(
    `update ${schema}.event_cursors set position = $2, moved_at = statement_timestamp()
     where sink = $1 and position >= $2 and $2 >= 0 returning position`,
    [sink, String(after)],
  );
  return rows.length > 0;
}

/** False when there is no such sink. */
export async function setPaused({ sql, schema }: ConnectedStore, sink: string, paused: boolean): Promise<boolean> {
  const { rows } = await sql.executeSql(
    `update ${schema}.event_cursors set paused = $2 where sink = $1 returning sink`,
    [sink, paused],
  );
  return rows.length > 0;
}

export interface EventLag {
  /** Rows of the journal and of events not yet delivered to the sink; counting stops at a million in each. */
  readonly rows: number;
  /** Age of the oldest of them. */
  readonly seconds: number;
}

/** The lag of a sink. */
export async function readLag({ sql, schema }: ConnectedStore, sink: string): Promise<EventLag> {
  const cursor = `coalesce((select position from ${schema}.event_cursors where sink = $1), 0)`;
  const waiting = (table: string, columns: string, limit: number) =>
    `(select ${columns} from ${schema}.${table} where position > ${cursor} order by position limit ${limit})`;
  const { rows } = await sql.executeSql(
    `select
       (select count(*) from ${waiting('transfers', 'position', 1_000_000)} w)
         + (select count(*) from ${waiting('events', 'position', 1_000_000)} w) as rows,
       (select extract(epoch from clock_timestamp() - recorded_at) from (
          ${waiting('transfers', 'position, recorded_at', 1)} union all ${waiting('events', 'position, recorded_at', 1)}
        ) w order by position limit 1)::text as seconds`,
    [sink],
  );
  return { rows: Number(rows[0]?.rows), seconds: Math.max(0, Number(rows[0]?.seconds ?? 0)) };
}

/** One leader a sink, whichever process: a lock of the session, free again when its connection ends. */
export async function tryToLead({ sql, schema }: ConnectedStore, sink: string): Promise<boolean> {
  const { rows } = await sql.executeSql(
    `select pg_try_advisory_lock(hashtextextended('micropay relay ' || $1, 0)) as leads`,
    [`${schema} ${sink}`],
  );
  return rows[0]?.leads === true;
}

/**
 * Deletes at most `limit` domain events that every sink has received, that were recorded before the instant `before` and that
 * are at least `ageMinMs` old. Returns how many, and stores the last deleted position. Changes of limits are kept: the
 * balance available at a position follows from them. The cursors are locked meanwhile, so that none moves back to before a
 * deleted event.
 */
export async function deleteTakenEvents(
  { sql, schema }: ConnectedStore,
  { before, ageMinMs, limit }: { readonly before: Date; readonly ageMinMs: number; readonly limit: number },
): Promise<number> {
  const { rows } = await sql.executeSql(
    `with cursors as materialized (select position from ${schema}.event_cursors for share),
     taken as (
       select ledger, position from ${schema}.events
       where position <= (select min(position) from cursors)
         and recorded_at < least($1::timestamptz, statement_timestamp() - $3 * interval '1 millisecond')
         and type <> 'account.limits_changed.v1'
       order by position limit $2
     ),
     deleted as (delete from ${schema}.events e using taken where e.ledger = taken.ledger and e.position = taken.position
       returning e.position),
     remembered as (
       insert into ${schema}.event_retention (deleted_through)
       select max(position) from deleted having count(*) > 0
       on conflict (only_row) do update
         set deleted_through = greatest(event_retention.deleted_through, excluded.deleted_through)
     )
     select count(*) as count from deleted`,
    [before, limit, ageMinMs],
  );
  return Number(rows[0]?.count);
}
