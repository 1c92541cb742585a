import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../../database/tables.js';
import type { AttemptError } from '../post-webhook.js';
import { createBringForward } from './bring-forward.js';

/** An endpoint in the hands of this process, and what to send to it now. */
export interface ClaimedEndpoint {
  readonly id: string;
  /** The claim that this process has it by. Another one may follow before what came of this one is stored. */
  readonly claim: string;
  readonly url: string;
  /** The newest first; the one before while it still signs. */
  readonly secrets: readonly Buffer[];
  /** Attempts in a row that have failed. */
  readonly failures: number;
  readonly deliveries: readonly ClaimedDelivery[];
  /** Whether more were due than are looked at in one claim. */
  readonly hasMore: boolean;
  /** The database's clock at the claim, in seconds since 1970. */
  readonly claimedAtS: number;
}

export interface ClaimedDelivery {
  readonly messageId: string;
  /** Those before this one. */
  readonly attempts: number;
  readonly body: string;
  readonly traceparent: string | null;
  /** The accounts in whose order it is sent; none without an order. */
  readonly accounts: readonly string[];
  readonly position: string;
  readonly place: number;
  /** One that is not due holds back the later ones of its accounts. */
  readonly isDue: boolean;
}

/** What came of a delivery. */
export interface DeliveryResult {
  readonly messageId: string;
  readonly state: 'delivered' | 'pending' | 'failed';
  readonly status: number | null;
  readonly error: AttemptError | null;
  readonly durationMs: number;
  /** Until the next attempt, of one that is still pending. */
  readonly delayS: number;
}

/** What came of a turn of an endpoint. */
export interface TurnResult {
  readonly endpoint: ClaimedEndpoint;
  readonly results: readonly DeliveryResult[];
  readonly failures: number;
  /** Nothing is sent to the endpoint before. */
  readonly pauseS: number;
  /** Whether more may be due already. */
  readonly hasMore: boolean;
}

/**
 * The endpoints that have something to send, shared by all processes. Each is in the hands of one process at a time, which
 * bounds what is sent to it at once and keeps its order; the longest due is claimed first, so that they take turns.
 */
export interface DeliveryQueue {
  /** Claims endpoints that something is due for. */
  claim(options: ClaimOptions): Promise<readonly ClaimedEndpoint[]>;
  /**
   * Writes the results down and lets go of the endpoints. Leaves out those that have been claimed again by now, by whom ever, so it
   * may be called again if its outcome is unknown.
   */
  settle(turns: readonly TurnResult[]): Promise<void>;
  /** The claims that this process has endpoints by, whether or not it has been told so. */
  claims(): Promise<readonly string[]>;
  /** Lets go of what this process has by these claims, as due now. */
  free(claims: readonly string[]): Promise<void>;
  /**
   * Brings forward what is due later than it can be, because the clock of the database was set back: in steps, which may be
   * repeated.
   *
   * @param signal ends it after the step under way
   */
  bringForward(signal: AbortSignal): Promise<void>;
}

export interface ClaimOptions {
  readonly endpointsMax: number;
  /** Those beside them whose last attempt failed: however many of these are due, they take no room of the others. */
  readonly failingMax: number;
  /** Of each endpoint; of those in order, three times as many. */
  readonly deliveriesMax: number;
}

/** Due deliveries of an endpoint that a claim looks at, to find those that are behind no other. */
const EXAMINED_MAX = 64;

export function createDeliveryQueue(
  database: Kysely<Tables>,
  schema: string,
  ledger: string,
  holder: string,
): DeliveryQueue {
  const table = (name: keyof Tables) => sql.id(schema, name);
  const [queues, deliveries] = [table('webhook_queues'), table('webhook_deliveries')];
  const [endpoints, messages] = [table('webhook_endpoints'), table('webhook_messages')];

  type Account = 'account' | 'other_account';

  /**
   * Accounts are null without an order. The first of one account is asked for, and not whether there is one: that is read from
   * the account's index, whatever the planner thinks of how many there are.
   */
  const isBehind = (mine: Account, theirs: Account) => sql`coalesce((
    select (p.position, p.place) < (d.position, d.place) from ${deliveries} p
    where p.ledger = ${ledger} and p.endpoint_id = d.endpoint_id and p.state = 'pending'
      and p.${sql.id(theirs)} = d.${sql.id(mine)}
    order by p.position, p.place limit 1), false)`;

  /** The first delivery behind one that is done, if it is not among these. */
  const nextOf = (column: Account, among: Sql) => sql`(
    select n.ctid from ${deliveries} n
    where n.ledger = ${ledger} and n.endpoint_id = done.endpoint_id and n.state = 'pending'
      and n.${sql.id(column)} = done.account and (n.position, n.place) > (done.position, done.place)
      and n.message_id <> all(${among})
    order by n.position, n.place limit 1)`;

  const dueWhere = (condition: Sql, countMax: number) => sql`
    select ledger, endpoint_id from ${queues}
    where ledger = ${ledger} and holder is null and not disabled and due_at <= statement_timestamp() and ${condition}
    order by due_at limit ${countMax} for update skip locked`;

  const columns = sql`d.message_id, d.attempts, d.account, d.other_account, d.position, d.place, d.due_at`;
  const ofEndpoint = sql`d.ledger = ${ledger} and d.endpoint_id = claimed.endpoint_id and d.state = 'pending'`;

  return {
    claim: ({ endpointsMax, failingMax, deliveriesMax }) =>
      database.transaction().execute(async (transaction) => {
        const claim = randomUUID();
        const { rows: claims } = await sql<{ readonly endpoint_id: string; readonly claimed_at_s: number }>`
          with quick as materialized (${dueWhere(sql`failures = 0`, endpointsMax)}),
          failing as materialized (${dueWhere(sql`failures > 0`, failingMax)}),
          next as (select * from quick union all select * from failing)
          update ${queues} q set holder = ${holder}, claim = ${claim}, pause_ended = false, due_at = null
          from next where q.ledger = next.ledger and q.endpoint_id = next.endpoint_id
          returning q.endpoint_id, extract(epoch from clock_timestamp())::float8 as claimed_at_s`.execute(transaction);
        if (claims.length === 0) return [];
        const claimedAtS = Math.max(...claims.map(({ claimed_at_s: atS }) => atS));
        // In a statement of its own: deliveries that were committed before the claim are seen here, and later ones mark the queue.
        // What is behind an earlier one is put aside until that is done, so that a long queue is gone through once. Of those in
        // order, the first are taken whether due or not, because in a turn they follow each other.
        const ids = claims.map(({ endpoint_id: id }) => id);
        const { rows } = await sql<ClaimRow>`
          with claimed as materialized (
            select q.endpoint_id, q.failures from ${queues} q
            where q.ledger = ${ledger} and q.endpoint_id = any(${ids}::uuid[])),
          examined as materialized (
            select due.* from claimed cross join lateral (
              select d.endpoint_id, ${columns} from ${deliveries} d
              where ${ofEndpoint} and not d.waits and d.due_at <= to_timestamp(${claimedAtS})
              order by d.due_at limit ${EXAMINED_MAX}) due),
          judged as materialized (
            select d.*, ${isBehind('account', 'account')} or ${isBehind('account', 'other_account')}
              or ${isBehind('other_account', 'account')} or ${isBehind('other_account', 'other_account')} as behind
            from examined d),
          put_aside as (
            update ${deliveries} d set waits = true from judged
            where judged.behind and d.ledger = ${ledger} and d.endpoint_id = judged.endpoint_id
              and d.message_id = judged.message_id),
          found as materialized (
            select endpoint_id, ${columns} from (
              select *, row_number() over (partition by endpoint_id, account is null order by position, place) as turn
              from judged where not behind) d
            where turn <= ${deliveriesMax}
            union
            select first.* from claimed cross join lateral (
              select d.endpoint_id, ${columns} from ${deliveries} d where ${ofEndpoint} and d.account is not null
              order by d.position, d.place limit ${2 * deliveriesMax}) first)
          select claimed.endpoint_id as id, e.url, e.secret,
            case when e.previous_until > clock_timestamp() then e.previous_secret end as previous_secret,
            claimed.failures, found.message_id, found.attempts, found.account, found.other_account, found.position, found.place,
            found.due_at <= to_timestamp(${claimedAtS}) as is_due, m.body, m.traceparent, coalesce(full_ones.has_more, false) as has_more
          from claimed
          join ${endpoints} e on e.ledger = ${ledger} and e.id = claimed.endpoint_id
          left join found on found.endpoint_id = claimed.endpoint_id
          left join (
            select endpoint_id, true as has_more from examined group by endpoint_id having count(*) >= ${EXAMINED_MAX}) full_ones
            on full_ones.endpoint_id = claimed.endpoint_id
          left join ${messages} m on m.ledger = ${ledger} and m.id = found.message_id
          order by claimed.endpoint_id, found.position, found.place`.execute(transaction);
        return toEndpoints(rows, { claim, claimedAtS });
      }),

    async settle(turns) {
      const retriesS = turns.map(({ results }) =>
        Math.min(...results.filter(({ state }) => state === 'pending').map(({ delayS }) => delayS)),
      );
      const results = turns.flatMap((turn) => turn.results.map((result) => ({ ...result, endpoint: turn.endpoint })));
      const sent = sql`${results.map(({ messageId }) => messageId)}::uuid[]`;
      const done = turns.flatMap(doneIn);
      const of = <Value>(read: (turn: TurnResult) => Value) => turns.map(read);
      const pausedUntil = sql`case when g.pause_s > 0 and not q.pause_ended
        then clock_timestamp() + make_interval(secs => g.pause_s) else '-infinity' end`;
      await sql`
        with given as (
          select * from unnest(
            ${of(({ endpoint }) => endpoint.id)}::uuid[], ${of(({ endpoint }) => endpoint.claim)}::uuid[],
            ${of(({ endpoint }) => endpoint.claimedAtS)}::float8[],
            ${of(({ failures }) => failures)}::integer[], ${of(({ pauseS }) => pauseS)}::float8[],
            ${of(({ hasMore }) => hasMore)}::boolean[],
            ${retriesS.map((seconds) => (Number.isFinite(seconds) ? seconds : null))}::float8[])
            as g (endpoint_id, claim, claimed_at_s, failures, pause_s, has_more, retry_s)),
        held as materialized (
          select q.endpoint_id, q.claim from ${queues} q join given using (endpoint_id, claim)
          where q.ledger = ${ledger} and q.holder = ${holder}
          order by q.endpoint_id for update of q),
        released as (
          update ${queues} q
          set holder = null, claim = null, failures = case when q.pause_ended then 0 else g.failures end, not_before = ${pausedUntil},
            due_at = case when coalesce(q.due_at, next.due_at) is not null
              then greatest(least(q.due_at, next.due_at), ${pausedUntil}) end
          from held join given g using (endpoint_id, claim)
          cross join lateral (
            -- What was not due at the claim; what has become due since then is past by now.
            select case when g.has_more then clock_timestamp() else least(
              (select min(d.due_at) from ${deliveries} d
               where d.ledger = ${ledger} and d.endpoint_id = g.endpoint_id and d.state = 'pending' and not d.waits
                 and d.due_at > to_timestamp(g.claimed_at_s)),
              clock_timestamp() + make_interval(secs => g.retry_s)) end as due_at) next
          where q.ledger = ${ledger} and q.endpoint_id = held.endpoint_id
          returning held.endpoint_id, held.claim),
        looked_at_again as (
          update ${deliveries} set waits = false
          where waits and ctid = any(array(
            select following.ctid
            from released join unnest(
              ${done.map(({ endpoint }) => endpoint.id)}::uuid[], ${done.map(({ endpoint }) => endpoint.claim)}::uuid[],
              ${done.map(({ account }) => account)}::text[],
              ${done.map(({ position }) => position)}::bigint[], ${done.map(({ place }) => place)}::smallint[])
              as done (endpoint_id, claim, account, position, place) using (endpoint_id, claim)
            cross join lateral (${nextOf('account', sent)} union all ${nextOf('other_account', sent)}) as following)))
        update ${deliveries} d
        set state = r.state, attempts = d.attempts + 1, status = r.status, error = r.error, duration_ms = r.duration_ms, waits = false,
          attempted_at = clock_timestamp(),
          due_at = case when r.state = 'pending' then clock_timestamp() + make_interval(secs => r.delay_s) else d.due_at end,
          finished_at = case when r.state = 'pending' then null else clock_timestamp() end
        from released join unnest(
          ${results.map(({ endpoint }) => endpoint.id)}::uuid[], ${results.map(({ endpoint }) => endpoint.claim)}::uuid[],
          ${results.map(({ messageId }) => messageId)}::uuid[],
          ${results.map(({ state }) => state)}::text[], ${results.map(({ status }) => status)}::smallint[],
          ${results.map(({ error }) => error)}::text[], ${results.map(({ durationMs }) => durationMs)}::integer[],
          ${results.map(({ delayS }) => delayS)}::float8[])
          as r (endpoint_id, claim, message_id, state, status, error, duration_ms, delay_s) using (endpoint_id, claim)
        where d.ledger = ${ledger} and d.endpoint_id = released.endpoint_id and d.message_id = r.message_id
          and d.state = 'pending'`.execute(database);
    },

    async claims() {
      const { rows } = await sql<{ readonly claim: string }>`
        select distinct claim from ${queues} where ledger = ${ledger} and holder = ${holder}`.execute(database);
      return rows.map(({ claim }) => claim);
    },

    async free(claims) {
      await sql`
        with free as materialized (
          select endpoint_id from ${queues}
          where ledger = ${ledger} and holder = ${holder} and claim = any(${[...claims]}::uuid[])
          order by endpoint_id for update)
        update ${queues} q set holder = null, claim = null, due_at = clock_timestamp()
        from free where q.ledger = ${ledger} and q.endpoint_id = free.endpoint_id`.execute(database);
    },

    bringForward: createBringForward(database, schema, ledger),
  };
}

type Sql = ReturnType<typeof sql>;

/** Where the deliveries that are done were in the order of each of their accounts. */
function doneIn({ endpoint, results }: TurnResult) {
  const ids = new Set(results.filter(({ state }) => state !== 'pending').map(({ messageId }) => messageId));
  return endpoint.deliveries
    .filter(({ messageId }) => ids.has(messageId))
    .flatMap(({ accounts, position, place }) => accounts.map((account) => ({ endpoint, account, position, place })));
}

interface ClaimRow {
  readonly id: string;
  readonly url: string;
  readonly secret: Buffer;
  readonly previous_secret: Buffer | null;
  readonly failures: number;
  readonly message_id: string | null;
  readonly attempts: number | null;
  readonly account: string | null;
  readonly other_account: string | null;
  readonly position: string | null;
  readonly place: number | null;
  readonly is_due: boolean | null;
  readonly body: string | null;
  readonly traceparent: string | null;
  readonly has_more: boolean;
}

/** One row a delivery, those of an endpoint together. */
function toEndpoints(
  rows: readonly ClaimRow[],
  of: Pick<ClaimedEndpoint, 'claim' | 'claimedAtS'>,
): readonly ClaimedEndpoint[] {
  const found = new Map<string, ClaimedEndpoint & { readonly deliveries: ClaimedDelivery[] }>();
  for (const row of rows) {
    const { id, url, secret, previous_secret: previous, failures, has_more: hasMore } = row;
    let endpoint = found.get(id);
    if (endpoint === undefined) {
      endpoint = {
        ...of,
        id,
        url,
        secrets: previous === null ? [secret] : [secret, previous],
        failures,
        hasMore,
        deliveries: [],
      };
      found.set(id, endpoint);
    }
    if (row.message_id === null || row.body === null) continue;
    endpoint.deliveries.push({
      messageId: row.message_id,
      attempts: row.attempts ?? 0,
      body: row.body,
      traceparent: row.traceparent,
      accounts: [row.account, row.other_account].filter((account) => account !== null),
      position: row.position ?? '0',
      place: row.place ?? 0,
      isDue: row.is_due === true,
    });
  }
  return [...found.values()];
}
