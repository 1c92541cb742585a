import { sql } from 'kysely';
import type { Database } from '../database/connect.js';
import { WINDOW_S } from './rate-limit-headers.js';

/** Where the buckets are. */
export interface SharedBuckets {
  readonly database: Database;
  readonly schema: string;
  readonly ledger: string;
}

/** What a process has to say of one bucket. */
export interface BucketAsk {
  readonly policy: string;
  readonly perMinute: number;
  /** Names hold addresses, which are nobody's business in a table of counts. */
  readonly nameHash: string;
  /** Were admitted already: they are taken whatever is left. */
  readonly spent: number;
  /** Wait to be admitted: as many of them are taken as are left. */
  readonly wanted: number;
}

export interface BucketAnswer {
  /** The number of its ask. */
  readonly place: number;
  readonly granted: number;
  /** What is left now; less than nothing when more was spent than there was, down to a minute's requests. */
  readonly left: number;
}

/** What was spent beyond the bucket is owed, but no more than a minute's, whether by a large batch or a clock that is set back. */
const FULL_WITHIN_S = 2 * WINDOW_S;
/** Below this, what is left is a rounding error of the clock's microseconds. */
const PRECISION = 1e-4;

/**
 * Takes from several buckets in one statement, by the database's clock. Rows are locked in the order of their key, so that
 * processes wait for each other and never in a circle. A bucket that somebody made at the same moment has no answer: ask again.
 */
export async function takeFromBuckets(
  { database, schema, ledger }: SharedBuckets,
  asks: readonly BucketAsk[],
): Promise<readonly BucketAnswer[]> {
  const attempts = sql.id(schema, 'attempts');
  const column = <Value>(read: (ask: BucketAsk) => Value) => asks.map(read);
  const { rows } = await sql<BucketAnswer>`
    with asked as (
      select place::int, policy, decode(name_hash, 'hex') as name_hash, spent, wanted, ${WINDOW_S}::float8 / per_minute as unit
      from unnest(
        ${column(({ policy }) => policy)}::text[], ${column(({ nameHash }) => nameHash)}::text[],
        ${column(({ perMinute }) => perMinute)}::int[], ${column(({ spent }) => spent)}::float8[],
        ${column(({ wanted }) => wanted)}::float8[]
      ) with ordinality as asked (policy, name_hash, per_minute, spent, wanted, place)
    ),
    known as (
      select attempts.policy, attempts.name_hash,
        least(greatest(attempts.full_at, now()), now() + make_interval(secs => ${FULL_WITHIN_S})) as full_at
      from ${attempts} as attempts join asked using (policy, name_hash)
      where attempts.ledger = ${ledger}
      order by attempts.policy, attempts.name_hash
      for update of attempts
    ),
    decided as (
      select asked.place, asked.policy, asked.name_hash, known.policy is null as is_new, granted,
        least(
          coalesce(known.full_at, now()) + make_interval(secs => (spent + granted) * unit),
          now() + make_interval(secs => ${FULL_WITHIN_S})
        ) as full_at,
        greatest(
          (${WINDOW_S} - extract(epoch from coalesce(known.full_at, now()) - now())::float8) / unit - spent - granted,
          ${WINDOW_S - FULL_WITHIN_S}::float8 / unit
        ) as left
      from asked left join known using (policy, name_hash)
      cross join lateral (
        select greatest(0, least(wanted, floor(
          (${WINDOW_S} - extract(epoch from coalesce(known.full_at, now()) - now())::float8) / unit - spent + ${PRECISION}
        ))) as granted
      ) as judged
    ),
    updated as (
      update ${attempts} as attempts set full_at = decided.full_at
      from decided
      where attempts.ledger = ${ledger} and attempts.policy = decided.policy and attempts.name_hash = decided.name_hash
        and not decided.is_new
      returning decided.place
    ),
    inserted as (
      insert into ${attempts} (ledger, policy, name_hash, full_at)
      select ${ledger}, policy, name_hash, full_at from decided where is_new order by policy, name_hash
      on conflict do nothing
      returning policy, name_hash
    )
    select decided.place - 1 as place, decided.granted, decided.left
    from decided
    where decided.place in (select place from updated)
      or (decided.policy, decided.name_hash) in (select policy, name_hash from inserted)`.execute(database);
  return rows;
}
