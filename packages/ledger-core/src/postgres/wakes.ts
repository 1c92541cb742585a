import type { ConnectedStore } from './store.js';

/** New rows of a ledger after a mark. */
export interface WakeRow {
  readonly ledger: number;
  /** The sum of their positions: changes when a row is added, wherever it stands. */
  readonly all: bigint;
  /** The same of those that stand after `through`; null when there is none. */
  readonly rest: bigint | null;
  readonly last: bigint;
}

/** Rows of all ledgers that say where something is new: the first one of each batch of the journal, and domain events. */
export async function readWakes(
  { sql, schema }: ConnectedStore,
  { after, through }: { readonly after: bigint; readonly through: bigint },
): Promise<readonly WakeRow[]> {
  const { rows } = await sql.executeSql(
    `select ledger, sum(position)::text as all, (sum(position) filter (where position > $2))::text as rest,
       max(position)::text as last
     from (select ledger, position from ${schema}.transfers where wakes and position > $1
       union all select ledger, position from ${schema}.events where position > $1) w
     group by ledger`,
    [String(after), String(through)],
  );
  return rows.map(({ ledger, all, rest, last }) => ({
    ledger: Number(ledger),
    all: BigInt(String(all)),
    rest: rest === null ? null : BigInt(String(rest)),
    last: BigInt(String(last)),
  }));
}

/** The highest position of such a row; 0 when there is none. */
export async function lastWake({ sql, schema }: ConnectedStore): Promise<bigint> {
  const { rows } = await sql.executeSql(
    `select greatest((select position from ${schema}.transfers where wakes order by position desc limit 1),
       (select position from ${schema}.events order by position desc limit 1), 0)::text as position`,
    [],
  );
  return BigInt(String(rows[0]?.position));
}

/** Hands out a transaction id and ends the transaction, on the server of the sequence. */
export async function nextWakeId({ sql }: ConnectedStore): Promise<bigint> {
  const { rows } = await sql.executeSql('select pg_current_xact_id()::text as id', []);
  return BigInt(String(rows[0]?.id));
}
