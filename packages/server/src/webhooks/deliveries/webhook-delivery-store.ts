import { type RawBuilder, type Selectable, sql, type Transaction } from 'kysely';
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
   * Sends finished deliveries again, in the order of the log and at most `limit` of them. Returns how many, and the position of
   * the last one; of the events at that position, some may be left.
   */
  replayRange(
    endpointId: string,
    range: DeliveryRange,
    limit: number,
  ): Promise<{ readonly count: number; readonly last: bigint }>;
  /** Sends an event that says nothing. */
  test(endpointId: string, message: TestMessage): Promise<WebhookDeliveryRow>;
  /** Removes what is older than it is kept, with what is left of endpoints that are gone. */
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

  /** Removes some; what waited for one of them is looked at again. */
  async function removeDeliveries(transaction: Transaction<Tables>, isOld: RawBuilder<boolean>) {
    const old = transaction
      .selectFrom('webhook_deliveries')
      .select(sql`ctid`.as('at'))
      .where('ledger', '=', ledger)
      .where(isOld)
      .limit(REMOVED_AT_ONCE);
    const removed = await transaction
      .deleteFrom('webhook_deliveries')
      .where('ledger', '=', ledger)
      .where(isOld)
      .where(sql<boolean>`ctid = any(array(${old}))`)
      .returning(['endpoint_id', 'state', 'account', 'other_account'])
      .execute();
    const pending = removed.filter(({ state, account }) => state === 'pending' && account !== null);
    const accounts = pending.flatMap(({ endpoint_id: endpointId, account, other_account: other }) =>
      [account, other].filter((name) => name !== null).map((name) => ({ endpointId, name })),
    );
    if (accounts.length > 0) {
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
      await markDue(transaction, ledger, [...new Set(accounts.map(({ endpointId }) => endpointId))]);
    }
    return { numDeletedRows: BigInt(removed.length) };
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
        await markDue(transaction, ledger, [endpointId]);
        await transaction
          .updateTable('webhook_deliveries')
          .set(AGAIN)
          .where('ledger', '=', ledger)
          .where('endpoint_id', '=', endpointId)
          .where('message_id', '=', messageId)
          .execute();
        return get(transaction, endpointId, messageId);
      }),
    replayRange: (endpointId, { state, after, through, from, to }, limit) =>
      database.transaction().execute(async (transaction) => {
        await markDue(transaction, ledger, [endpointId]);
        let chosen = transaction
          .selectFrom('webhook_deliveries')
          .select('message_id')
          .where('ledger', '=', ledger)
          .where('endpoint_id', '=', endpointId)
          .where('state', '<>', 'pending')
          .orderBy('position')
          .orderBy('place')
          .limit(limit);
        if (state !== undefined) chosen = chosen.where('state', '=', state);
        if (after !== undefined) chosen = chosen.where('position', '>', after);
        if (through !== undefined) chosen = chosen.where('position', '<=', through);
        if (from !== undefined) chosen = chosen.where('created_at', '>=', from);
        if (to !== undefined) chosen = chosen.where('created_at', '<', to);
        const rows = await transaction
          .updateTable('webhook_deliveries')
          .set(AGAIN)
          .where('ledger', '=', ledger)
          .where('endpoint_id', '=', endpointId)
          .where('message_id', 'in', chosen)
          .returning('position')
          .execute();
        const last = rows.reduce(
          (highest, { position }) => (BigInt(position) > highest ? BigInt(position) : highest),
          0n,
        );
        return { count: rows.length, last };
      }),
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
        await markDue(transaction, ledger, [endpointId]);
        return get(transaction, endpointId, id);
      }),
    async removeOld(keptDays) {
      const { before } = await database
        .selectNoFrom(sql<Date>`now() - make_interval(days => ${keptDays})`.as('before'))
        .executeTakeFirstOrThrow();
      const isOld = sql<boolean>`created_at < ${before}`;
      await inSteps(REMOVED_AT_ONCE, () =>
        database.transaction().execute((transaction) => removeDeliveries(transaction, isOld)),
      );
      const old = database
        .selectFrom('webhook_messages')
        .select('id')
        .where('ledger', '=', ledger)
        .where(isOld)
        .orderBy('created_at')
        .limit(REMOVED_AT_ONCE);
      await inSteps(REMOVED_AT_ONCE, () =>
        database.deleteFrom('webhook_messages').where('ledger', '=', ledger).where('id', 'in', old).executeTakeFirst(),
      );
    },
  };
}

export function deliveryMissing(): ProblemError {
  return new ProblemError('webhook_delivery_not_found', 'this endpoint has no delivery with this id, or no longer');
}
