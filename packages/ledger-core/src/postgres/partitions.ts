import { result } from '../domain/json/result.js';
import { invariant } from '../errors.js';
import type { ConnectedStore } from './store.js';
import type { SqlExecutor } from './transaction-adapter.js';

/** Positions of a partition, unless somebody says otherwise: about 16 GB of transfers. */
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
}

/** The partitions, and what they have left. */
export async function readJournalPartitions(store: ConnectedStore): Promise<JournalPartitions> {
  // The position first: what is drawn meanwhile is left nevertheless, and a partition that is made meanwhile is counted.
  const lastDrawn = await lastDrawnPosition(store);
  const partitions = await readPartitions(store);
  const left = (partitions.at(-1)?.ends ?? 0n) - 1n - lastDrawn;
  return result({ partitions: partitions.map((one) => result(one)), positionsLeft: left > 0n ? left : 0n });
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
    `alter table ${schema}.transfers attach partition ${table} for values from (${begins}) to (${ends})`,
  ]) {
    await sql.executeSql(statement, []);
  }
}

const IDS_PER_PAGE = 10_000;

/** Writes down which ids a full and settled partition has, so that look-ups of others pass it by. */
export async function sealPartition(store: ConnectedStore, partition: JournalPartition): Promise<void> {
  const first = await outermostId(store, partition, 'asc');
  const last = first === null ? null : await outermostId(store, partition, 'desc');
  await store.sql.executeSql(
    `insert into ${store.schema}.sealed_partitions (begins, ends, first_id, last_id) values ($1, $2, $3, $4)
     on conflict (begins) do nothing`,
    [String(partition.begins), String(partition.ends), first, last],
  );
}

/**
 * The first or last id of a partition that is not among the keys. Ids that callers choose are of any kind; they are found by
 * their keys, and would make the range of ids useless.
 */
async function outermostId(
  { sql, schema }: { readonly sql: SqlExecutor; readonly schema: string },
  { table }: JournalPartition,
  direction: 'asc' | 'desc',
): Promise<string | null> {
  const beyond = direction === 'asc' ? '>' : '<';
  for (let seen: string | null = null; ; ) {
    const { rows }: Awaited<ReturnType<SqlExecutor['executeSql']>> = await sql.executeSql(
      `select t.id, k.key is null as is_own from (
         select id, ledger from ${schema}.${table} where $1::uuid is null or id ${beyond} $1
         order by id ${direction} limit ${IDS_PER_PAGE}
       ) t
       left join lateral (
         select key from ${schema}.transfer_keys where key = t.id and ledger = t.ledger and kind = 'id' limit 1
       ) k on true
       order by t.id ${direction}`,
      [seen],
    );
    const own = rows.find(({ is_own }) => is_own === true);
    if (own !== undefined) return String(own.id);
    if (rows.length < IDS_PER_PAGE) return null;
    // The same id in another ledger may be left behind: it is a caller's, since the engine makes none twice.
    seen = String(rows.at(-1)?.id);
  }
}
