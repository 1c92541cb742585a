import type { EventPublisher, LedgerEvent } from '@micropay/ledger-core';
import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/tables.js';
import { accountsOf, orderOf } from './event-accounts.js';
import { markDue } from './mark-due.js';
import { createMatchEndpoints, type EndpointFilter, type MatchEndpoints } from './match-endpoints.js';
import { type WebhookMessage, webhookMessage } from './webhook-message.js';

/** A message to one endpoint. */
interface NewDelivery {
  readonly endpointId: string;
  readonly message: WebhookMessage;
  readonly position: bigint;
  /** Among the events of one position. */
  readonly place: number;
  readonly accounts: readonly string[];
}

/** Deliveries in one database transaction: an event may go to ten thousand endpoints. */
const CHUNK_MAX = 2_000;

/**
 * Writes down to which endpoints each event of a ledger has to be sent; senders do the rest. The relay moves its cursor only
 * after this has committed, and what is written twice is the same row: nothing is missed, and nothing is there twice.
 */
export function createWebhookSink(options: {
  readonly database: Kysely<Tables>;
  readonly ledger: string;
  /** An endpoint that has been disabled for longer than its deliveries are kept is left out. */
  readonly keptDays: number;
  /** Called for each part of what is written. */
  readonly onWritten: () => void;
  /** Once it is aborted, nothing more is written: the events are delivered again to whoever leads next. */
  readonly signal: AbortSignal;
}): EventPublisher {
  const { database, ledger, keptDays, onWritten, signal } = options;
  let known: { readonly version: string; readonly match: MatchEndpoints } | undefined;

  async function findMatch(): Promise<MatchEndpoints> {
    const row = await database
      .selectFrom('webhook_versions')
      .select('version')
      .where('ledger', '=', ledger)
      .executeTakeFirst();
    const version = row?.version ?? '0';
    // Read before the endpoints: if these change in between, they are read again the next time.
    if (known?.version !== version) known = { version, match: createMatchEndpoints(await readFilters()) };
    return known.match;
  }

  async function readFilters(): Promise<readonly EndpointFilter[]> {
    const rows = await database
      .selectFrom('webhook_endpoints')
      .select(['id', 'event_types', 'account_path', 'metadata', 'ordered'])
      .where('ledger', '=', ledger)
      .where(sql<boolean>`coalesce(disabled_at > now() - make_interval(days => ${keptDays}), true)`)
      .execute();
    return rows.map(({ id, event_types: eventTypes, account_path: accountPath, metadata, ordered }) => ({
      id,
      eventTypes,
      accountPath,
      metadata,
      ordered,
    }));
  }

  return {
    async connect() {
      // The database is connected when it is asked.
    },
    async publish(events) {
      // Only now: an event that was committed after a change of the endpoints is matched with what they are since then.
      const match = await findMatch();
      let chunk: NewDelivery[] = [];
      const write = async () => {
        signal.throwIfAborted();
        await writeDeliveries(database, ledger, chunk);
        chunk = [];
        onWritten();
      };
      for (const delivery of deliveriesOf(events, ledger, match)) {
        chunk.push(delivery);
        if (chunk.length >= CHUNK_MAX) await write();
      }
      if (chunk.length > 0) await write();
    },
    async close() {
      known = undefined;
    },
  };
}

/** One after the other, so that only a chunk of them is in memory. */
function* deliveriesOf(
  events: readonly LedgerEvent[],
  ledger: string,
  match: MatchEndpoints,
): Generator<NewDelivery, void, undefined> {
  let place = 0;
  let position: bigint | undefined;
  for (const event of events) {
    place = event.position === position ? place + 1 : 0;
    position = event.position;
    if (event.ledger !== ledger) continue;
    const endpoints = match(event);
    if (endpoints.length === 0) continue;
    const message = webhookMessage(event);
    const accounts = accountsOf(event);
    for (const { id: endpointId, ordered, accountPath } of endpoints) {
      const inOrder = ordered === 'account' ? orderOf(accounts, accountPath) : [];
      yield { endpointId, message, position, place, accounts: inOrder };
    }
  }
}

async function writeDeliveries(
  database: Kysely<Tables>,
  ledger: string,
  deliveries: readonly NewDelivery[],
): Promise<void> {
  const messages = [...new Map(deliveries.map(({ message }) => [message.id, message])).values()];
  await database.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('webhook_messages')
      .columns(['ledger', 'id', 'event_id', 'type', 'body', 'traceparent'])
      .expression(
        sql`select ${ledger}, * from unnest(
          ${messages.map(({ id }) => id)}::uuid[], ${messages.map(({ eventId }) => eventId)}::text[],
          ${messages.map(({ type }) => type)}::text[], ${messages.map(({ body }) => body)}::text[],
          ${messages.map(({ traceparent }) => traceparent)}::text[])`,
      )
      // Kept for as long as the deliveries that are made now.
      .onConflict((met) => met.columns(['ledger', 'id']).doUpdateSet({ created_at: sql<Date>`now()` }))
      .execute();
    await transaction
      .insertInto('webhook_deliveries')
      .columns(['ledger', 'endpoint_id', 'message_id', 'position', 'place', 'account', 'other_account', 'due_at'])
      .expression(
        sql`select ${ledger}, *, clock_timestamp() from unnest(
          ${deliveries.map(({ endpointId }) => endpointId)}::uuid[], ${deliveries.map(({ message }) => message.id)}::uuid[],
          ${deliveries.map(({ position }) => String(position))}::bigint[], ${deliveries.map(({ place }) => place)}::smallint[],
          ${deliveries.map(({ accounts }) => accounts[0] ?? null)}::text[],
          ${deliveries.map(({ accounts }) => accounts[1] ?? null)}::text[])`,
      )
      .onConflict((met) => met.doNothing())
      .execute();
    await markDue(transaction, ledger, [...new Set(deliveries.map(({ endpointId }) => endpointId))]);
  });
}
