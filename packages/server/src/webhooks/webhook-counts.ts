import { sql } from 'kysely';
import type { Database } from '../database/connect.js';

/** Endpoints of a ledger by their state, and for how long the most overdue one has waited for a sender. */
export interface WebhookCounts {
  readonly enabled: number;
  readonly disabled: number;
  /** Disabled by the server. */
  readonly givenUp: number;
  /** Enabled, and the last attempt failed. */
  readonly failing: number;
  readonly overdueSeconds: number;
}

export async function countWebhooks(database: Database, ledger: string): Promise<WebhookCounts> {
  const endpoints = await database
    .selectFrom('webhook_endpoints')
    .where('ledger', '=', ledger)
    .select([
      sql<number>`count(*) filter (where disabled_at is null)::int`.as('enabled'),
      sql<number>`count(*) filter (where disabled_at is not null)::int`.as('disabled'),
      sql<number>`count(*) filter (where disabled_reason <> 'operator')::int`.as('givenUp'),
    ])
    .executeTakeFirstOrThrow();
  const waitedS = sql`extract(epoch from clock_timestamp() - min(due_at) filter (where holder is null))`;
  const queues = await database
    .selectFrom('webhook_queues')
    .where('ledger', '=', ledger)
    .where('disabled', '=', false)
    .select([
      sql<number>`count(*) filter (where failures > 0)::int`.as('failing'),
      sql<number>`coalesce(greatest(0, ${waitedS}), 0)::float8`.as('overdueSeconds'),
    ])
    .executeTakeFirstOrThrow();
  return { ...endpoints, ...queues };
}
