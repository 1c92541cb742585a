import type { Database } from '../../database/connect.js';

/** Whether a ledger has webhook endpoints, enabled or not. */
export async function hasWebhookEndpoints(database: Database, ledger: string): Promise<boolean> {
  const row = await database
    .selectFrom('webhook_endpoints')
    .select('id')
    .where('ledger', '=', ledger)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
