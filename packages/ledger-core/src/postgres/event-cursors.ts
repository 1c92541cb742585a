import type { Store } from './store.js';
import type { TransactionAdapter } from './transaction-adapter.js';

export interface EventCursor {
  /** The last position that the sink has taken. */
  readonly position: bigint;
  readonly paused: boolean;
}

/** The cursor of a sink, made when it is new. */
export async function readCursor(
  transaction: TransactionAdapter,
  { schema }: Store,
  sink: string,
): Promise<EventCursor> {
  const select = `select position::text, paused from ${schema}.event_cursors where sink = $1`;
  let { rows } = await transaction.executeSql(select, [sink]);
  if (rows[0] === undefined) {
    await transaction.executeSql(`insert into ${schema}.event_cursors (sink) values ($1) on conflict do nothing`, [
      sink,
    ]);
    ({ rows } = await transaction.executeSql(select, [sink]));
  }
  return { position: BigInt(String(rows[0]?.position)), paused: rows[0]?.paused === true };
}

/** Moves the cursor on; false when somebody else has moved it. */
export async function advanceCursor(
  transaction: TransactionAdapter,
  { schema }: Store,
  { sink, from, to }: { readonly sink: string; readonly from: bigint; readonly to: bigint },
): Promise<boolean> {
  const { rows } = await transaction.executeSql(
    `update ${schema}.event_cursors set position = $3, moved_at = clock_timestamp()
     where sink = $1 and position = $2 returning position`,
    [sink, String(from), String(to)],
  );
  return rows.length > 0;
}

/** Puts the cursor anywhere, back as well: what follows it is delivered again. */
export async function setCursor(
  transaction: TransactionAdapter,
  store: Store,
  sink: string,
  change: { readonly position?: bigint; readonly paused?: boolean },
): Promise<EventCursor> {
  await readCursor(transaction, store, sink);
  await transaction.executeSql(
    `update ${store.schema}.event_cursors set position = coalesce($2::bigint, position),
       paused = coalesce($3::boolean, paused), moved_at = clock_timestamp() where sink = $1`,
    [sink, change.position?.toString() ?? null, change.paused ?? null],
  );
  return readCursor(transaction, store, sink);
}

export interface EventLag {
  /** Journal and event rows that the sink has not taken yet. */
  readonly rows: number;
  /** Age of the oldest of them. */
  readonly seconds: number;
}

/** How far a sink is behind. Counting stops at a million rows. */
export async function readLag(transaction: TransactionAdapter, { schema }: Store, sink: string): Promise<EventLag> {
  const { rows } = await transaction.executeSql(
    `with cursor as (
       select coalesce((select position from ${schema}.event_cursors where sink = $1), 0) as position
     ), waiting as (
       (select recorded_at from ${schema}.transfers where position > (select position from cursor)
        order by position limit 1000000)
       union all
       (select recorded_at from ${schema}.events where position > (select position from cursor)
        order by position limit 1000000)
     )
     select count(*)::text as rows,
       coalesce(extract(epoch from clock_timestamp() - min(recorded_at)), 0)::text as seconds from waiting`,
    [sink],
  );
  return { rows: Number(rows[0]?.rows), seconds: Math.max(0, Number(rows[0]?.seconds)) };
}
