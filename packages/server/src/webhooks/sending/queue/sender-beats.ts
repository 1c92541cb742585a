import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../../database/tables.js';

/** The processes that send for a ledger. */
export interface SenderBeats {
  /** Says that this process lives. Returns the database's clock, in seconds since 1970. */
  beat(): Promise<number>;
  /** Frees what processes have in hand that have given no sign of life for a while, as seen by this process. */
  freeDead(): Promise<void>;
  /** Says that this process has nothing in hand any more. */
  leave(): Promise<void>;
}

/** Seen for so long without a new beat, a process counts as dead. */
const DEAD_AFTER_MS = 5_000;

/** Since when a process has been seen with this number of beats. */
interface Seen {
  readonly beats: string;
  readonly sinceMs: number;
}

/**
 * The first number of beats of a row, which a process may make more than once: from any number on, so that it is not mistaken for
 * one that was seen before.
 */
const FIRST_BEAT = sql<string>`1 + floor(random() * 1e15)::bigint`;
/** A process that has endpoints in hand and no row: its row was lost with the database. */
const NO_BEATS = '0';

/**
 * A process is judged by whether its number of beats changes, and not by a time of day: no clock that is set declares somebody
 * dead who lives. Who was declared dead finds it out by itself, because its last beat was too long ago.
 */
export function createSenderBeats(
  database: Kysely<Tables>,
  schema: string,
  ledger: string,
  holder: string,
  deadAfterMs = DEAD_AFTER_MS,
): SenderBeats {
  const [queues, senders] = [sql.id(schema, 'webhook_queues'), sql.id(schema, 'webhook_senders')];
  let seen = new Map<string, Seen>();

  /** The others whose number has not changed for long enough. */
  async function findDead(): Promise<readonly (Seen & { readonly id: string })[]> {
    const startedMs = performance.now();
    const { rows } = await sql<{ readonly id: string; readonly beats: string }>`
      select known.id, coalesce(s.beats, ${NO_BEATS}::bigint)::text as beats
      from (
        select holder as id from ${queues} where ledger = ${ledger} and holder is not null
        union select id from ${senders} where ledger = ${ledger}) known
      left join ${senders} s on s.ledger = ${ledger} and s.id = known.id
      where known.id <> ${holder}`.execute(database);
    const endedMs = performance.now();
    const before = seen;
    seen = new Map(
      rows.map(({ id, beats }) => {
        const known = before.get(id);
        return [id, known?.beats === beats ? known : { beats, sinceMs: endedMs }];
      }),
    );
    return [...seen].map(([id, one]) => ({ ...one, id })).filter(({ sinceMs }) => startedMs - sinceMs >= deadAfterMs);
  }

  return {
    async beat() {
      const { rows } = await sql<{ readonly now_s: number }>`
        insert into ${senders} as s (ledger, id, beats) values (${ledger}, ${holder}, ${FIRST_BEAT})
        on conflict (ledger, id) do update set beats = s.beats + 1
        returning extract(epoch from clock_timestamp())::float8 as now_s`.execute(database);
      return rows[0]?.now_s ?? 0;
    },

    async freeDead() {
      const dead = (await findDead()).toSorted((left, right) => (left.id < right.id ? -1 : 1));
      if (dead.length === 0) return;
      const given = sql`unnest(${dead.map(({ id }) => id)}::uuid[], ${dead.map(({ beats }) => beats)}::bigint[]) as given (id, beats)`;
      await database.transaction().execute(async (transaction) => {
        // A process that comes back to life waits with its beat until this has ended, and claims nothing before: what it has in
        // hand afterwards is not touched. For that, even one without a row gets one.
        await sql`
          insert into ${senders} (ledger, id, beats)
          select ${ledger}, given.id, given.beats from ${given} where given.beats = ${NO_BEATS}::bigint order by given.id
          on conflict do nothing`.execute(transaction);
        const { rows } = await sql<{ readonly id: string }>`
          with gone as materialized (
            select s.ledger, s.id from ${senders} s join ${given} on s.id = given.id and s.beats = given.beats
            where s.ledger = ${ledger} order by s.id for update of s skip locked)
          delete from ${senders} s using gone where s.ledger = gone.ledger and s.id = gone.id
          returning s.id`.execute(transaction);
        // What they have in hand when they come back is judged by what is seen of them from then on.
        for (const { id } of rows) seen.delete(id);
        // What somebody else has locked just now is free a little later.
        await sql`
          with free as materialized (
            select endpoint_id from ${queues}
            where ledger = ${ledger} and holder = any(${rows.map(({ id }) => id)}::uuid[])
            order by endpoint_id for update skip locked)
          update ${queues} q set holder = null, claim = null, due_at = clock_timestamp()
          from free where q.ledger = ${ledger} and q.endpoint_id = free.endpoint_id`.execute(transaction);
      });
    },

    async leave() {
      await sql`delete from ${senders} where ledger = ${ledger} and id = ${holder}`.execute(database);
    },
  };
}
