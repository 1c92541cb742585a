import { result } from '../domain/json/result.js';
import type { Row } from './balances.js';
import { EVENTS_IN_ORDER, IN_LEDGER_ORDER, ofLedger } from './of-ledger.js';
import type { ConnectedStore, LedgerStore } from './store.js';
import type { Transaction } from './transaction-adapter.js';

export interface OpenCursor {
  readonly position: bigint;
  /** Some events up to this position have been deleted: from a lower cursor, the sink does not receive them. */
  readonly deletedThrough: bigint;
}

/** The cursor of a sink in a ledger; created if it is missing. From then on, events that the sink has not received are not deleted. */
export async function openCursor({ sql, schema, ledger }: LedgerStore, sink: string): Promise<OpenCursor> {
  const find = `select c.position::text, coalesce(d.deleted_through, 0)::text as deleted_through
    from ${schema}.event_cursors c left join ${schema}.event_retention d on ${ofLedger('d.')}
    where ${ofLedger('c.')} and c.sink = $2`;
  const toCursor = (row: Row | undefined) => ({
    position: BigInt(String(row?.position)),
    deletedThrough: BigInt(String(row?.deleted_through)),
  });
  const { rows } = await sql.executeSql(find, [ledger, sink]);
  if (rows[0] !== undefined) return toCursor(rows[0]);
  await sql.executeSql(`insert into ${schema}.event_cursors (ledger, sink) values ($1, $2) on conflict do nothing`, [
    ledger,
    sink,
  ]);
  const { rows: created } = await sql.executeSql(find, [ledger, sink]);
  return toCursor(created[0]);
}

/** Gives a sink that has no cursor in the ledger one at this position. */
export async function openCursorAt(
  { sql, schema, ledger }: LedgerStore,
  sink: string,
  position: bigint,
): Promise<void> {
  await sql.executeSql(
    `insert into ${schema}.event_cursors (ledger, sink, position) values ($1, $2, $3) on conflict do nothing`,
    [ledger, sink, String(position)],
  );
}

/** Moves a cursor on to this position, unless it is there or further. */
export async function skipTo({ sql, schema, ledger }: LedgerStore, sink: string, position: bigint): Promise<void> {
  await sql.executeSql(
    `update ${schema}.event_cursors set position = $3, moved_at = statement_timestamp()
     where ${ofLedger()} and sink = $2 and position < $3`,
    [ledger, sink, String(position)],
  );
}

/** Puts the cursor back, so that what follows it is delivered again; false when it has not come so far. */
export async function rewindCursor(
  { sql, schema, ledger }: LedgerStore,
  sink: string,
  after: bigint,
): Promise<boolean> {
  const { rows } = await sql.executeSql(
    `update ${schema}.event_cursors set position = $3, moved_at = statement_timestamp()
     where ${ofLedger()} and sink = $2 and position >= $3 and $3 >= 0 returning position`,
    [ledger, sink, String(after)],
  );
  return rows.length > 0;
}

/** A delivery to be noted: a sink has received the rows of a ledger between two positions. */
export interface CursorMove {
  readonly ledger: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** Moves the cursors of some ledgers on; returns those ledgers whose cursor somebody else has moved. */
export async function advanceCursors(
  { sql, schema }: ConnectedStore,
  sink: string,
  moves: readonly CursorMove[],
): Promise<ReadonlySet<number>> {
  const { rows } = await sql.executeSql(
    `update ${schema}.event_cursors c set position = move.to_position, moved_at = statement_timestamp()
     from unnest($2::integer[], $3::bigint[], $4::bigint[]) as move (ledger, from_position, to_position)
     where ${ofLedger('c.', 'move.ledger')} and c.sink = $1 and c.position = move.from_position returning c.ledger`,
    [sink, moves.map(({ ledger }) => ledger), moves.map(({ from }) => String(from)), moves.map(({ to }) => String(to))],
  );
  const moved = new Set(rows.map(({ ledger }) => Number(ledger)));
  return new Set(moves.map(({ ledger }) => ledger).filter((ledger) => !moved.has(ledger)));
}

/** The ledgers with rows that the sink has not received, or that one if it has. */
export async function findLedgersBehind(
  { sql, schema }: ConnectedStore,
  sink: string,
  only: number | null,
): Promise<readonly number[]> {
  const waits = (table: string, condition: string) =>
    `exists (select from ${schema}.${table} r
       where ${ofLedger('r.', 'l.id')} and ${condition} and r.position > coalesce(c.position, 0))`;
  const { rows } = await sql.executeSql(
    `select l.id from ${schema}.ledgers l left join ${schema}.event_cursors c on ${ofLedger('c.', 'l.id')} and c.sink = $1
     where ($2::integer is null or l.id = $2) and (${waits('transfers', IN_LEDGER_ORDER)} or ${waits('events', EVENTS_IN_ORDER)})`,
    [sink, only],
  );
  return rows.map(({ id }) => Number(id));
}

/** How far a sink is behind in a ledger. */
export interface LedgerLag {
  readonly ledger: string;
  /** The last position delivered to the sink. */
  readonly position: bigint;
  /** Events of the ledger up to here have been deleted: a replay from before it has all transfers, but not all other events. */
  readonly deletedThrough: bigint;
  /** Rows of the journal and of events not yet delivered to the sink: at least so many, as counting stops at `LAG_ROWS_MAX` in all. */
  readonly rows: number;
  /** Age of the oldest of them. */
  readonly seconds: number;
}

/** Rows that are counted in all ledgers together, those with the oldest rows first; a ledger that is behind has one at least. */
export const LAG_ROWS_MAX = 100_000;

/** The ledgers in which a sink is behind; of one ledger always. */
export async function readLags(
  { sql, schema }: ConnectedStore,
  sink: string,
  only: number | null,
): Promise<readonly LedgerLag[]> {
  const waiting = (table: string, condition: string, columns: string, { of, limit }: { of: string; limit: number }) =>
    `(select ${columns} from ${schema}.${table} where ${ofLedger('', `${of}.id`)} and ${condition}
        and position > ${of}.cursor order by position limit ${limit})`;
  const first = (table: string, condition: string) =>
    waiting(table, condition, 'position, recorded_at', { of: 'l', limit: 1 });
  const counted = (table: string, condition: string) =>
    waiting(table, condition, 'position', { of: 'b', limit: LAG_ROWS_MAX });
  // Each limit inside keeps the rows of a ledger to themselves, and the one outside ends the whole count.
  const { rows } = await sql.executeSql(
    `with lags as materialized (
       select l.id, l.name, l.cursor, l.deleted_through, oldest.recorded_at
       from (
         select id, name, coalesce(c.position, 0) as cursor, coalesce(d.deleted_through, 0) as deleted_through
         from ${schema}.ledgers
         left join ${schema}.event_cursors c on ${ofLedger('c.', 'id')} and c.sink = $1
         left join ${schema}.event_retention d on ${ofLedger('d.', 'id')}
         where $2::integer is null or id = $2) l
       left join lateral (
         select position, recorded_at from (
           ${first('transfers', IN_LEDGER_ORDER)} union all ${first('events', EVENTS_IN_ORDER)}
         ) w order by position limit 1) oldest on true
       where oldest.position is not null or l.id = $2
     ),
     counts as (
       select id, count(*) as rows from (
         select b.id from (select id, cursor from lags where recorded_at is not null order by recorded_at) b
         cross join lateral (
           select from (
             ${counted('transfers', IN_LEDGER_ORDER)} union all ${counted('events', EVENTS_IN_ORDER)}
           ) w limit ${LAG_ROWS_MAX}) r
         limit ${LAG_ROWS_MAX}) counted
       group by id
     )
     select name, cursor::text as position, deleted_through::text,
       case when recorded_at is null then 0 else greatest(coalesce(counts.rows, 0), 1) end as rows,
       coalesce(extract(epoch from clock_timestamp() - recorded_at), 0)::text as seconds
     from lags left join counts on counts.id = lags.id`,
    [sink, only],
  );
  return rows.map((row) =>
    result({
      ledger: String(row.name),
      position: BigInt(String(row.position)),
      deletedThrough: BigInt(String(row.deleted_through)),
      rows: Number(row.rows),
      seconds: Math.max(0, Number(row.seconds)),
    }),
  );
}

/** The ledgers that have events to delete, as far as their age and type say. */
export async function findLedgersWithOldEvents(
  { sql, schema }: ConnectedStore,
  { before, ageMinMs }: { readonly before: Date; readonly ageMinMs: number },
): Promise<readonly number[]> {
  const { rows } = await sql.executeSql(
    `select l.id from ${schema}.ledgers l where exists (
       select from ${schema}.events where ${ofLedger('', 'l.id')} and ${EVENTS_IN_ORDER} and ${isOld(1, 2)})`,
    [before, ageMinMs],
  );
  return rows.map(({ id }) => Number(id));
}

/** Changes of limits are kept: the balance available at a position follows from them. */
function isOld(before: number, ageMinMs: number): string {
  return `recorded_at < least($${before}::timestamptz, statement_timestamp() - $${ageMinMs} * interval '1 millisecond')
    and type <> 'account.limits_changed.v1'`;
}

/**
 * Deletes at most `limit` domain events of the ledger that every sink has received, that were recorded before the instant `before`
 * and that are at least `ageMinMs` old. Returns how many, and stores the last deleted position. The cursors are locked meanwhile,
 * so that none moves back to before a deleted event. A sink without a cursor in the ledger has received nothing of it.
 *
 * The table of sinks is locked first, by a statement of its own: the snapshot of the next one shows each sink that was made known or
 * changed before, and none is until the deletion has ended. The transaction has to begin with it.
 */
export async function deleteTakenEvents(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  { before, ageMinMs, limit }: { readonly before: Date; readonly ageMinMs: number; readonly limit: number },
): Promise<number> {
  await sql.executeSql(`lock table ${schema}.event_sinks in share mode`, []);
  const { rows } = await sql.executeSql(
    `with cursors as materialized (select sink, position from ${schema}.event_cursors where ${ofLedger()} for share),
     received as (
       select min(coalesce(c.position, 0)) as through
       from ${schema}.event_sinks s left join cursors c on c.sink = s.sink where s.only_ledger is null or s.only_ledger = $1
     ),
     taken as (
       select position from ${schema}.events
       where ${ofLedger()} and ${EVENTS_IN_ORDER} and position <= (select through from received) and ${isOld(2, 4)}
       order by position limit $3
     ),
     deleted as (delete from ${schema}.events e using taken where ${ofLedger('e.')} and e.position = taken.position
       returning e.position),
     remembered as (
       insert into ${schema}.event_retention (ledger, deleted_through)
       select $1, max(position) from deleted having count(*) > 0
       on conflict (ledger) do update
         set deleted_through = greatest(event_retention.deleted_through, excluded.deleted_through)
     )
     select count(*) as count from deleted`,
    [ledger, before, limit, ageMinMs],
  );
  return Number(rows[0]?.count);
}
