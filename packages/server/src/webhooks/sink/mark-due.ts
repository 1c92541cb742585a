import { sql, type Transaction } from 'kysely';
import type { Tables } from '../../database/tables.js';

/**
 * Says that something waits for these endpoints. The row of each is locked until the deliveries are committed: a sender that
 * lets go of an endpoint at the same time finds either them or this mark.
 */
export async function markDue(
  transaction: Transaction<Tables>,
  ledger: string,
  endpointIds: readonly string[],
): Promise<void> {
  const queues = transaction
    .selectFrom('webhook_queues')
    .select('endpoint_id')
    .where('ledger', '=', ledger)
    .where(sql<boolean>`endpoint_id = any(${[...endpointIds]}::uuid[])`)
    .orderBy('endpoint_id')
    .forUpdate();
  await transaction
    .with('locked', () => queues)
    .updateTable('webhook_queues')
    .from('locked')
    .whereRef('webhook_queues.endpoint_id', '=', 'locked.endpoint_id')
    .where('webhook_queues.ledger', '=', ledger)
    .set({
      due_at: sql`greatest(least(coalesce(webhook_queues.due_at, 'infinity'), clock_timestamp()), webhook_queues.not_before)`,
    })
    .execute();
}
