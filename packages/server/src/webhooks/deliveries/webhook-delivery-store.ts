import { type Selectable, sql, type Transaction } from 'kysely';
import type { Database } from '../../database/connect.js';
import { inSteps } from '../../database/in-steps.js';
import type { Tables } from '../../database/tables.js';
import { ProblemError } from '../../errors/problem.js';
import type { Place } from '../../http/page.js';
import { markDue } from '../sink/mark-due.js';

type DeliveryColumns = Selectable<Tables['webhook_deliveries']>;

/** A delivery with the event that it is of. */
export type WebhookDeliveryRow = Pick<
  DeliveryColumns,
  | 'message_id'
  | 'position'
  | 'state'
  | 'attempts'
  | 'due_at'
  | 'created_at'
  | 'attempted_at'
  | 'status'
  | 'error'
  | 'duration_ms'
  | 'finished_at'
> & { readonly event_id: string; readonly type: string };

export interface DeliveryRange {
  readonly state?: 'delivered' | 'failed' | undefined;
  /** Positions of the log behind this one, up to `through`. */
  readonly after?: string | undefined;
  readonly through?: string | undefined;
  /** Deliveries that were made at `from` or later and before `to`. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

/** The log of deliveries of a ledger's endpoints. */
export interface WebhookDeliveryStore {
  /** The newest first. */
  list(
    endpointId: string,
    page: {
      readonly state: DeliveryColumns['state'] | undefined;
      readonly after: Place | undefined;
      readonly limit: number;
    },
  ): Promise<readonly WebhookDeliveryRow[]>;
  /** Sends it again now, with the same id. @throws {ProblemError} `webhook_delivery_not_found` */
  replay(endpointId: string, messageId: string): Promise<WebhookDeliveryRow>;
  /**
   * Sends finished deliveries again, in the order of the log; no test events. Beyond some thousands it stops: `nextAfter` is then the
   * position after which it goes on, and null otherwise.
   */
  replayRange(
    endpointId: string,
    range: DeliveryRange,
  ): Promise<{ readonly count: number; readonly nextAfter: string | null }>;
  /** Sends an event that says nothing. */
  test(endpointId: string, message: TestMessage): Promise<WebhookDeliveryRow>;
  /**
   * Removes what was made longer ago than it is kept, with what is left of endpoints that are gone. What has been due since then is
   * kept: it may be under way, and its message with it.
   */
  removeOld(keptDays: number): Promise<void>;
}

export interface TestMessage {
  readonly id: string;
  readonly eventId: string;
  readonly type: string;
  /** The body of an event that happens at this time, which is the database's. */
  readonly bodyAt: (time: Date) => string;
}

const COLUMNS = [
  'd.message_id',
  'd.position',
  'd.state',
  'd.attempts',
  'd.due_at',
  'd.created_at',
  'd.attempted_at',
  'd.status',
  'd.error',
  'd.duration_ms',
  'd.finished_at',
  'm.event_id',
  'm.type',
] as const;

const REMOVED_AT_ONCE = 5_000;

/** Deliveries that one step of a replay looks at. */
const REPLAYED_AT_ONCE = 1_000;
/** Bounds of one request: what is sent again, and what is looked at for it. */
const REPLAYED_MAX = 5_000;
const REPLAY_STEPS_MAX = 100;

/** Test events have the position 0: a range has none of them. */
const BEFORE_ALL = '0';

/** What a delivery is when it is to be sent as if for the first time. */
const AGAIN = {
  state: 'pending',
  attempts: 0,
  due_at: sql<Date>`clock_timestamp()`,
  waits: false,
  finished_at: null,
} as const;

export function createWebhookDeliveryStore(database: Database, ledger: string): WebhookDeliveryStore {
  const deliveries = (on: Database, endpointId: string) =>
    on
      .selectFrom('webhook_deliveries as d')
      .innerJoin('webhook_messages as m', (join) =>
        join.onRef('m.ledger', '=', 'd.ledger').onRef('m.id', '=', 'd.message_id'),
      )
      .where('d.ledger', '=', ledger)
      .where('d.endpoint_id', '=', endpointId)
      .select(COLUMNS);

  async function get(on: Database, endpointId: string, messageId: string): Promise<WebhookDeliveryRow> {
    const row = await deliveries(on, endpointId).where('d.message_id', '=', messageId).executeTakeFirst();
    if (row === undefined) throw deliveryMissing();
    return row;
  }

  /** Finished deliveries behind a position, with all of the last one's position, and whether they are of the range. */
  function readRange(
    endpointId: string,
    { state, through, from, to }: DeliveryRange,
    after: string,
  ): Promise<readonly { readonly message_id: string; readonly position: string; readonly fits: boolean }[]> {
    const conditions = [
      sql<boolean>`true`,
      ...(state === undefined ? [] : [sql<boolean>`state = ${state}`]),
      ...(from === undefined ? [] : [sql<boolean>`created_at >= ${from}`]),
      ...(to === undefined ? [] : [sql<boolean>`created_at < ${to}`]),
    ];
    let page = database
      .selectFrom('webhook_deliveries')
      .select(['message_id', 'position', sql<boolean>`${sql.join(conditions, sql` and `)}`.as('fits')])
      .where('ledger', '=', ledger)
      .where('endpoint_id', '=', endpointId)
      .where(sql<boolean>`state <> 'pending'`)
      .where('position', '>', after)
      .orderBy('position')
      .fetch(REPLAYED_AT_ONCE, 'with ties');
    if (through !== undefined) page = page.where('position', '<=', through);
    return page.execute();
  }

  /** Returns how many of these were finished. */
  function sendAgain(endpointId: string, messageIds: readonly string[]): Promise<number> {
    return database.transaction().execute(async (transaction) => {
      await markDue(transaction, ledger, [endpointId], { endsPause: true });
      const { numUpdatedRows } = await transaction
        .updateTable('webhook_deliveries')
        .set(AGAIN)
        .where('ledger', '=', ledger)
        .where('endpoint_id', '=', endpointId)
        .where('state', '<>', 'pending')
        .where(sql<boolean>`message_id = any(${[...messageIds]}::uuid[])`)
        .executeTakeFirst();
      return Number(numUpdatedRows);
    });
  }

  /** What waited for one of these is looked at again. */
  async function lookAgainBehind(
    transaction: Transaction<Tables>,
    accounts: readonly { readonly endpointId: string; readonly name: string }[],
  ): Promise<void> {
    if (accounts.length === 0) return;
    const firstOf = (column: 'account' | 'other_account') =>
      transaction
        .selectFrom('webhook_deliveries as n')
        .select(sql`n.ctid`.as('ctid'))
        .where('n.ledger', '=', ledger)
        .where('n.state', '=', 'pending')
        .where(sql<boolean>`n.endpoint_id = a.endpoint_id`)
        .where(sql<boolean>`n.${sql.id(column)} = a.name`)
        .orderBy('n.position')
        .orderBy('n.place')
        .limit(1);
    await transaction
      .updateTable('webhook_deliveries')
      .set({ waits: false })
      .where('waits', '=', true)
      .where(
        sql<boolean>`ctid = any(array(
          select first.ctid
          from (select distinct * from unnest(
            ${accounts.map(({ endpointId }) => endpointId)}::uuid[], ${accounts.map(({ name }) => name)}::text[])
            as given (endpoint_id, name)) a
          cross join lateral ((${firstOf('account')}) union all (${firstOf('other_account')})) as first))`,
      )
      .execute();
  }

  /** Removes some of those that were made, and last due, before. */
  async function removeDeliveries(before: Date): Promise<{ readonly numDeletedRows: bigint }> {
    const isOld = sql<boolean>`created_at < ${before} and due_at < ${before}`;
    const old = await database
      .selectFrom('webhook_deliveries')
      .select(['endpoint_id', 'message_id', sql<boolean>`state = 'pending' and account is not null`.as('holdsBack')])
      .where('ledger', '=', ledger)
      .where(isOld)
      .limit(REMOVED_AT_ONCE)
      .execute();
    if (old.length === 0) return { numDeletedRows: 0n };
    const holdingBack = old.filter(({ holdsBack }) => holdsBack).map(({ endpoint_id: id }) => id);
    return database.transaction().execute(async (transaction) => {
      // First, as everybody locks the row of an endpoint before those of its deliveries.
      if (holdingBack.length > 0) await markDue(transaction, ledger, [...new Set(holdingBack)]);
      const removed = await transaction
        .deleteFrom('webhook_deliveries')
        .where('ledger', '=', ledger)
        .where(isOld)
        .where(
          sql<boolean>`(endpoint_id, message_id) in (select * from unnest(
            ${old.map(({ endpoint_id: id }) => id)}::uuid[], ${old.map(({ message_id: id }) => id)}::uuid[]))`,
        )
        .returning(['endpoint_id', 'state', 'account', 'other_account'])
        .execute();
      const accounts = removed
        .filter(({ state }) => state === 'pending')
        .flatMap(({ endpoint_id: endpointId, account, other_account: other }) =>
          [account, other].filter((name) => name !== null).map((name) => ({ endpointId, name })),
        );
      await lookAgainBehind(transaction, accounts);
      return { numDeletedRows: BigInt(old.length) };
    });
  }

  return {
    list(endpointId, { state, after, limit }) {
      let page = deliveries(database, endpointId)
        .orderBy('d.created_at', 'desc')
        .orderBy('d.message_id', 'desc')
        .limit(limit);
      if (state !== undefined) page = page.where('d.state', '=', state);
      if (after !== undefined) {
        page = page.where(sql<boolean>`(d.created_at, d.message_id) < (${after.at}::timestamptz, ${after.id}::uuid)`);
      }
      return page.execute();
    },
    replay: (endpointId, messageId) =>
      database.transaction().execute(async (transaction) => {
        await markDue(transaction, ledger, [endpointId], { endsPause: true });
        await transaction
          .updateTable('webhook_deliveries')
          .set(AGAIN)
          .where('ledger', '=', ledger)
          .where('endpoint_id', '=', endpointId)
          .where('message_id', '=', messageId)
          .execute();
        return get(transaction, endpointId, messageId);
      }),
    async replayRange(endpointId, range) {
      let after = range.after ?? BEFORE_ALL;
      let count = 0;
      // In steps, so that none of them holds up the senders of the endpoint for long.
      for (let step = 0; step < REPLAY_STEPS_MAX && count < REPLAYED_MAX; step += 1) {
        const rows = await readRange(endpointId, range, after);
        const fitting = rows.filter(({ fits }) => fits).map(({ message_id: id }) => id);
        if (fitting.length > 0) count += await sendAgain(endpointId, fitting);
        const last = rows.at(-1);
        if (last === undefined || rows.length < REPLAYED_AT_ONCE) return { count, nextAfter: null };
        after = last.position;
      }
      return { count, nextAfter: after };
    },
    test: (endpointId, { id, eventId, type, bodyAt }) =>
      database.transaction().execute(async (transaction) => {
        const { now } = await transaction.selectNoFrom(sql<Date>`now()`.as('now')).executeTakeFirstOrThrow();
        await transaction
          .insertInto('webhook_messages')
          .values({ ledger, id, event_id: eventId, type, body: bodyAt(now), traceparent: null })
          .execute();
        await transaction
          .insertInto('webhook_deliveries')
          .values({
            ledger,
            endpoint_id: endpointId,
            message_id: id,
            position: '0',
            place: 0,
            account: null,
            other_account: null,
            due_at: sql<Date>`clock_timestamp()`,
          })
          .execute();
        await markDue(transaction, ledger, [endpointId], { endsPause: true });
        return get(transaction, endpointId, id);
      }),
    async removeOld(keptDays) {
      const { before } = await database
        .selectNoFrom(sql<Date>`now() - make_interval(days => ${keptDays})`.as('before'))
        .executeTakeFirstOrThrow();
      await inSteps(REMOVED_AT_ONCE, () => removeDeliveries(before));
      // A message is never older than its deliveries, so only old ones that are kept refer to it.
      const unused = database
        .selectFrom('webhook_messages as m')
        .select('m.id')
        .where('m.ledger', '=', ledger)
        .where('m.created_at', '<', before)
        .where(
          sql<boolean>`not exists (${database
            .selectFrom('webhook_deliveries as d')
            .select('d.message_id')
            .where('d.ledger', '=', ledger)
            .where('d.created_at', '<', before)
            .whereRef('d.message_id', '=', sql.ref('m.id'))})`,
        )
        .orderBy('m.created_at')
        .limit(REMOVED_AT_ONCE);
      await inSteps(REMOVED_AT_ONCE, () =>
        database
          .deleteFrom('webhook_messages')
          .where('ledger', '=', ledger)
          .where('id', 'in', unused)
          .executeTakeFirst(),
      );
    },
  };
}

export function deliveryMissing(): ProblemError {
  return new ProblemError('webhook_delivery_not_found', 'this endpoint has no delivery with this id, or no longer');
}
