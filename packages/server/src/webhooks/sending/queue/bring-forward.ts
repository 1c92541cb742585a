import { type Kysely, sql, type Transaction } from 'kysely';
import type { Tables } from '../../../database/tables.js';
import { ASKED_PAUSE_MAX_S } from '../retry-schedule.js';

/** Deliveries that are looked at in one step. */
const STEP_MAX = 1_000;

/** The last delivery of a step, in the order in which they are gone through. */
interface Cursor {
  readonly at: string;
  readonly messageId: string;
}

const START: Cursor = { at: '-infinity', messageId: '00000000-0000-0000-0000-000000000000' };

/**
 * Brings forward what is due later than it can be, because the clock of the database was set back. One endpoint after the other,
 * and of each a bounded number of deliveries in one transaction: however many there are, no statement takes long, and what was
 * done before a failure stays done.
 */
export function createBringForward(
  database: Kysely<Tables>,
  schema: string,
  ledger: string,
): (signal: AbortSignal) => Promise<void> {
  const [queues, deliveries] = [sql.id(schema, 'webhook_queues'), sql.id(schema, 'webhook_deliveries')];
  const isLater = sql`d.state = 'pending' and not d.waits and d.due_at > statement_timestamp()`;

  /** Endpoints with anything at a time that is not yet; most of them have only failed, and are tried again then. */
  async function findEndpoints(): Promise<readonly string[]> {
    // Each is asked for its first one, which is read from an index.
    const { rows } = await sql<{ readonly endpoint_id: string }>`
      select q.endpoint_id from ${queues} q
      where q.ledger = ${ledger} and (
        q.due_at > statement_timestamp() or q.not_before > statement_timestamp()
        or (select true from ${deliveries} d
            where d.ledger = ${ledger} and d.endpoint_id = q.endpoint_id and ${isLater} order by d.due_at limit 1)
        or (select true from ${deliveries} d
            where d.ledger = ${ledger} and d.endpoint_id = q.endpoint_id and d.created_at > statement_timestamp()
            order by d.created_at limit 1))`.execute(database);
    return rows.map(({ endpoint_id: id }) => id);
  }

  /** The row of the endpoint is locked: a sender that lets go of it meanwhile finds what was changed, or its mark. */
  function inStep<Result>(id: string, step: (transaction: Transaction<Tables>) => Promise<Result>): Promise<Result> {
    return database.transaction().execute(async (transaction) => {
      await sql`select from ${queues} where ledger = ${ledger} and endpoint_id = ${id} for update`.execute(transaction);
      return step(transaction);
    });
  }

  /** Goes on behind the cursor; undefined at the end. */
  function bringSome(id: string, column: 'due_at' | 'created_at', after: Cursor): Promise<Cursor | undefined> {
    const at = sql`d.${sql.id(column)}`;
    const looksAt = column === 'due_at' ? isLater : sql`d.created_at > statement_timestamp()`;
    return inStep(id, async (transaction) => {
      const { rows } = await sql<{ readonly at: string; readonly message_id: string; readonly changed: number }>`
        with looked_at as materialized (
          select d.message_id, ${at} as at from ${deliveries} d
          where d.ledger = ${ledger} and d.endpoint_id = ${id} and ${looksAt}
            and (${at}, d.message_id) > (${after.at}::timestamptz, ${after.messageId}::uuid)
          order by ${at}, d.message_id limit ${STEP_MAX}),
        changed as (
          -- What was made, or tried, at a time that is not yet: the clock was later then.
          update ${deliveries} d
          set due_at = statement_timestamp()
              + case when d.attempts = 0 then interval '0' else greatest(d.due_at - d.attempted_at, interval '0') end,
            attempted_at = least(d.attempted_at, statement_timestamp())
          from looked_at
          where d.ledger = ${ledger} and d.endpoint_id = ${id} and d.message_id = looked_at.message_id
            and d.state = 'pending' and d.due_at > statement_timestamp()
            and (d.attempts = 0 or d.attempted_at > statement_timestamp())
          returning d.message_id)
        select at::text as at, message_id, (select count(*) from changed)::int as changed
        from looked_at order by looked_at.at, message_id`.execute(transaction);
      // How long a pause was to be is not known any more: the receiver may ask for it once more.
      if ((rows[0]?.changed ?? 0) > 0)
        await sql`
          update ${queues} set not_before = '-infinity', due_at = statement_timestamp()
          where ledger = ${ledger} and endpoint_id = ${id}`.execute(transaction);
      const last = rows.at(-1);
      return last === undefined || rows.length < STEP_MAX ? undefined : { at: last.at, messageId: last.message_id };
    });
  }

  /** The endpoint itself is not due later than the first of its deliveries, or than a pause that can be. */
  function bringEndpoint(id: string): Promise<unknown> {
    return inStep(id, (transaction) =>
      sql`
        update ${queues} q set not_before = pause.until,
          due_at = case when q.due_at > statement_timestamp() then least(q.due_at, next.due_at) else q.due_at end
        from (
          select case when not_before > statement_timestamp() + make_interval(secs => ${ASKED_PAUSE_MAX_S})
            then '-infinity' else not_before end as until
          from ${queues} where ledger = ${ledger} and endpoint_id = ${id}) pause
        cross join lateral (
          select min(d.due_at) as due_at from ${deliveries} d
          where d.ledger = ${ledger} and d.endpoint_id = ${id} and d.state = 'pending' and not d.waits) first
        cross join lateral (select greatest(first.due_at, pause.until) as due_at) next
        where q.ledger = ${ledger} and q.endpoint_id = ${id}
          and (q.not_before > pause.until or q.due_at > statement_timestamp() and next.due_at < q.due_at)`.execute(
        transaction,
      ),
    );
  }

  return async (signal) => {
    for (const id of await findEndpoints()) {
      for (const column of ['due_at', 'created_at'] as const) {
        let after: Cursor | undefined = START;
        while (after !== undefined && !signal.aborted) after = await bringSome(id, column, after);
      }
      if (signal.aborted) return;
      await bringEndpoint(id);
    }
  };
}
