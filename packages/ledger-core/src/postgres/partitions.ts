import { escapeLiteral } from 'pg';
import { largest } from '../domain/bigint.js';
import { result } from '../domain/json/result.js';
import { invariant } from '../errors.js';
import type { ConnectedStore } from './store.js';
import type { SqlExecutor } from './transaction-adapter.js';

/** Positions of a partition, unless somebody says otherwise: about 20 GB of transfers and their keys. */
export const PARTITION_POSITIONS = 50_000_000;

/** A partition of the journal: rows at positions from `begins` on, below `ends`. */
export interface JournalPartition {
  readonly table: string;
  readonly begins: bigint;
  readonly ends: bigint;
  /** Full and settled: no row of it can appear any more, and its first and last id are known. */
  readonly sealed: boolean;
}

export interface JournalPartitions {
  /** In the order of their positions. */
  readonly partitions: readonly JournalPartition[];
  /** Positions that were not drawn yet and have a partition; at 0 nothing more can be posted. */
  readonly positionsLeft: bigint;
  /** Positions that `maintain` leaves at least: as many as the newest partition has, ten million, or three hours at the rate of late. */
  readonly positionsAhead: bigint;
}

/** The partitions, and what they have left. */
export async function readJournalPartitions(store: ConnectedStore): Promise<JournalPartitions> {
  // The position first: what is drawn meanwhile is left nevertheless, and a partition that is made meanwhile is counted.
  const lastDrawn = await lastDrawnPosition(store);
  const partitions = await readPartitions(store);
  const left = (partitions.at(-1)?.ends ?? 0n) - 1n - lastDrawn;
  const ahead = largest(await readPositionsAhead(store, lastDrawn), positionsOf(partitions.at(-1)));
  return result({
    partitions: partitions.map((one) => result(one)),
    positionsLeft: left > 0n ? left : 0n,
    positionsAhead: ahead,
  });
}

/** The first partition begins below the first position. */
export function positionsOf(partition: JournalPartition | undefined): bigint {
  if (partition === undefined) return BigInt(PARTITION_POSITIONS);
  return partition.ends - (partition.begins > 0n ? partition.begins : 1n);
}

/** Over eight minutes of 20,000 transfers a second, for a peak that begins just after somebody has looked. */
const AHEAD_MIN = 10_000_000n;
/** Three times the hour after which a job looks again. */
const AHEAD_SECONDS = 10_800n;
/** The rate of late is that of so many positions. */
const RATE_POSITIONS = 5_000_000n;
/** A burst that is shorter says little about the next hours. */
const RATE_SECONDS_MIN = 60;

/** How many positions should have a partition before they are drawn, whatever the size of one. */
export async function readPositionsAhead({ sql, schema }: ConnectedStore, lastDrawn: bigint): Promise<bigint> {
  const { rows } = await sql.executeSql(
    `select position::text, floor(extract(epoch from clock_timestamp() - recorded_at))::bigint::text as seconds
     from ${schema}.transfers where wakes and position > $1 order by position limit 1`,
    [String(largest(lastDrawn - RATE_POSITIONS, 0n))],
  );
  const [since] = rows;
  if (since === undefined) return AHEAD_MIN;
  const drawn = largest(lastDrawn - BigInt(String(since.position)), 0n);
  const seconds = Math.max(Number(since.seconds), RATE_SECONDS_MIN);
  return largest((drawn * AHEAD_SECONDS) / BigInt(seconds), AHEAD_MIN);
}

const BOUNDS = /^FOR VALUES FROM \((?:MINVALUE|'(\d+)')\) TO \('(\d+)'\)$/;

/** All partitions in the order of their positions. */
export async function readPartitions({ sql, schema }: ConnectedStore): Promise<readonly JournalPartition[]> {
  const { rows } = await sql.executeSql(
    `select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds
     from pg_inherits h join pg_class c on c.oid = h.inhrelid
     where h.inhparent = $1::regclass and not h.inhdetachpending`,
    [`${schema}.transfers`],
  );
  const { rows: sealed } = await sql.executeSql(`select begins::text from ${schema}.sealed_partitions`, []);
  const sealedFrom = new Set(sealed.map(({ begins }) => String(begins)));
  return rows
    .map(({ name, bounds }) => {
      const [, begins = '0', ends] = BOUNDS.exec(String(bounds)) ?? [];
      invariant(ends !== undefined, 'a partition of the journal is a range of positions');
      return { table: String(name), begins: BigInt(begins), ends: BigInt(ends), sealed: sealedFrom.has(begins) };
    })
    .sort((a, b) => (a.begins < b.begins ? -1 : 1));
}

/** The highest position that was ever drawn, committed or not; 0 before the first. */
export async function lastDrawnPosition({ sql, schema }: ConnectedStore): Promise<bigint> {
  const { rows } = await sql.executeSql(`select coalesce(pg_sequence_last_value($1::regclass), 0)::text as position`, [
    `${schema}.event_position`,
  ]);
  return BigInt(String(rows[0]?.position));
}

/**
 * Makes a partition as the migration makes the first ones: apart, and then attached, which locks out neither readers nor
 * writers of the journal. It runs in the transaction of its caller.
 */
export async function addPartition(
  { sql, schema }: ConnectedStore,
  { begins, ends }: Pick<JournalPartition, 'begins' | 'ends'>,
): Promise<void> {
  const name = `transfers_${begins}`;
  const table = `${schema}.${name}`;
  for (const statement of [
    `create table ${table} (like ${schema}.transfers including defaults including constraints)
       with (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000)`,
    `alter table ${table} add constraint ${name}_pkey primary key (id, ledger)`,
    `create trigger transfers_append_only before update or delete or truncate on ${table}
       for each statement execute function ${schema}.refuse_change()`,
    ownedAs(`${schema}.transfers`, table),
    `alter table ${schema}.transfers attach partition ${table} for values from (${begins}) to (${ends})`,
  ]) {
    await sql.executeSql(statement, []);
  }
}

/**
 * Gives a table the owner of another one. A member of the owner's role, or a superuser, may make a partition; it must not become theirs,
 * or the owner could not change the journal any more. A member who may not give tables away keeps it.
 */
function ownedAs(other: string, table: string): string {
  const owner = `(select rolname from pg_roles join pg_class on relowner = pg_roles.oid where pg_class.oid = ${escapeLiteral(other)}::regclass)`;
  const body = `begin
      execute format('alter table %s owner to %I', ${escapeLiteral(table)}::regclass, ${owner});
    exception when insufficient_privilege then null;
    end`;
  return `do ${escapeLiteral(body)}`;
}

/** How much of a partition is read to find the ends of its range of ids. */
export interface SealLimits {
  readonly idsPerPage: number;
  /** At each end. */
  readonly pagesMax: number;
}

const SEAL_LIMITS: SealLimits = { idsPerPage: 10_000, pagesMax: 50 };

/** Writes down which ids a full and settled partition has, so that look-ups of others pass it by. */
export async function sealPartition(
  store: ConnectedStore,
  partition: JournalPartition,
  limits: SealLimits = SEAL_LIMITS,
): Promise<void> {
  const first = await outermostId(store, partition, { ...limits, direction: 'asc' });
  const last = first === null ? null : await outermostId(store, partition, { ...limits, direction: 'desc' });
  // Both ends were given up and have passed each other: between them they have seen all ids, and each is a caller's.
  const isEmpty = first === null || last === null || first > last;
  await store.sql.executeSql(
    `insert into ${store.schema}.sealed_partitions (begins, ends, first_id, last_id) values ($1, $2, $3, $4)
     on conflict (begins) do nothing`,
    [String(partition.begins), String(partition.ends), ...(isEmpty ? [null, null] : [first, last])],
  );
}

/**
 * The first or last id of a partition that is not among the keys. Ids that callers choose are of any kind; they are found by
 * their keys, and would make the range of ids useless. Where all that was read are callers', the last of them: the id looked for is
 * beyond it, so the range is wider than it has to be, and nothing in it is missed.
 */
async function outermostId(
  { sql, schema }: { readonly sql: SqlExecutor; readonly schema: string },
  { table }: JournalPartition,
  { direction, idsPerPage, pagesMax }: SealLimits & { readonly direction: 'asc' | 'desc' },
): Promise<string | null> {
  const beyond = direction === 'asc' ? '>' : '<';
  let seen: string | null = null;
  for (let page = 0; page < pagesMax; page += 1) {
    const { rows }: Awaited<ReturnType<SqlExecutor['executeSql']>> = await sql.executeSql(
      `select t.id, k.key is null as is_own from (
         select id, ledger from ${schema}.${table} where $1::uuid is null or id ${beyond} $1
         order by id ${direction} limit ${idsPerPage}
       ) t
       left join lateral (
         select key from ${schema}.transfer_keys where key = t.id and ledger = t.ledger and kind = 'id' limit 1
       ) k on true
       order by t.id ${direction}`,
      [seen],
    );
    const own = rows.find(({ is_own }) => is_own === true);
    if (own !== undefined) return String(own.id);
    if (rows.length < idsPerPage) return null;
    // The same id in another ledger may be left behind: it is a caller's, since the engine makes none twice.
    seen = String(rows.at(-1)?.id);
  }
  return seen;
}
