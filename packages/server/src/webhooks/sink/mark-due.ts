import { sql, type Transaction } from 'kysely';
import type { Tables } from '../../database/tables.js';

/**
 * Says that something waits for these endpoints. The row of each is locked until the deliveries are committed: a sender that
 * lets go of an endpoint at the same time finds either them or this mark.
 *
 * @param endsPause for what somebody has asked for: it is sent now, although the receiver has failed or asked for a pause
 */
export async function markDue(
  transaction: Transaction<Tables>,
  ledger: string,
  endpointIds: readonly string[],
  { endsPause = false }: { readonly endsPause?: boolean } = {},
): Promise<void> {
  const queues = transaction
    .selectFrom('webhook_queues')
    .select('endpoint_id')
    .where('ledger', '=', ledger)
    .where(sql<boolean>`endpoint_id = any(${[...endpointIds]}::uuid[])`)
    .orderBy('endpoint_id')
    .forUpdate();
  const soon = sql<Date>`least(coalesce(webhook_queues.due_at, 'infinity'), clock_timestamp())`;
  await transaction
    .with('locked', () => queues)
    .updateTable('webhook_queues')
    .from('locked')
    .whereRef('webhook_queues.endpoint_id', '=', 'locked.endpoint_id')
    .where('webhook_queues.ledger', '=', ledger)
    .set(
      endsPause
        ? { due_at: soon, not_before: sql<Date>`'-infinity'`, failures: 0, pause_ended: true }
        : { due_at: sql<Date>`greatest(${soon}, webhook_queues.not_before)` },
    )
    .execute();
}
