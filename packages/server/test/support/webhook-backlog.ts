import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import pg from 'pg';
import { connect } from '../../src/database/connect.js';
import type { Tables } from '../../src/database/tables.js';
import { createDeliveryQueue, type DeliveryQueue } from '../../src/webhooks/sending/queue/delivery-queue.js';
import { startTestServer } from './test-server.js';

/** The tables of webhooks without anybody who sends: of another ledger than the server's. */
export interface WebhookBacklog {
  readonly url: string;
  readonly ledger: string;
  readonly database: Kysely<Tables>;
  readonly client: pg.Client;
  /** The queue as a process of its own sees it. */
  queueOf(holder?: string): DeliveryQueue;
  /** Makes an endpoint that something is due for, and returns its id. */
  endpoint(): Promise<string>;
  /** Makes pending deliveries, one a position. */
  wait(endpointId: string, kind?: Backlog): Promise<void>;
  /** Removes everything. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** The SQL of `account` and `other` may use the position `n`. */
export interface Backlog {
  readonly from?: number;
  readonly to?: number;
  readonly account?: string;
  readonly other?: string;
  readonly due?: string;
  readonly state?: 'pending' | 'delivered' | 'failed';
  /** An interval before now. */
  readonly age?: string;
}

const LEDGER = 'backlog';

export async function createWebhookBacklog(): Promise<WebhookBacklog> {
  const server = await startTestServer();
  const database = connect(server.databaseUrl, 'micropay');
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  await client.query('set search_path = micropay');
  return {
    url: server.databaseUrl,
    ledger: LEDGER,
    database,
    client,
    queueOf: (holder = randomUUID()) => createDeliveryQueue(database, 'micropay', LEDGER, holder),
    async endpoint() {
      const id = randomUUID();
      await client.query(
        `insert into webhook_endpoints (ledger, id, url, ordered, secret, created_by)
         values ($1, $2, 'https://example.com', 'account', '\\x00', 'test')`,
        [LEDGER, id],
      );
      await client.query(
        `insert into webhook_queues (ledger, endpoint_id, due_at) values ($1, $2, clock_timestamp())`,
        [LEDGER, id],
      );
      return id;
    },
    async wait(endpointId, kind = {}) {
      const { from = 1, to = from, account = `'shops:1'`, other = 'null', due = '-1 second' } = kind;
      const { state = 'pending', age = '0' } = kind;
      await client.query(
        `with made as (
           insert into webhook_messages (ledger, id, event_id, type, body, created_at)
           select $1, gen_random_uuid(), n::text, 'a', '{}', now() - $7::interval
           from generate_series($3::int, $4::int) n returning id, event_id)
         insert into webhook_deliveries (ledger, endpoint_id, message_id, position, place, due_at, account, other_account,
           state, created_at, finished_at)
         select $1, $2, id, n, 0, clock_timestamp() + $5::interval, ${account}, ${other}, $6,
           now() - $7::interval, case when $6 <> 'pending' then now() - $7::interval end
         from made, lateral (select event_id::bigint as n) at`,
        [LEDGER, endpointId, from, to, due, state, age],
      );
      await client.query('analyze webhook_deliveries');
    },
    async clear() {
      await client.query(
        'truncate webhook_deliveries, webhook_messages, webhook_endpoints, webhook_queues, webhook_senders',
      );
    },
    async stop() {
      await client.end();
      await database.destroy();
      await server.stop();
    },
  };
}
