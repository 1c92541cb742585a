import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';

/** The users of a ledger who are support. All are in memory: there are few, and no request is to cost a query more. */
export interface SupportUsers {
  has(id: UserId): boolean;
  /** Learns what changed in the database, within two seconds of it. */
  reload(): Promise<void>;
}

export function createSupportUsers(database: Database, ledger: string): SupportUsers {
  let users: ReadonlySet<UserId> = new Set();
  return {
    has: (id) => users.has(id),
    async reload() {
      const rows = await database
        .selectFrom('user_roles')
        .select('user_id')
        .where('ledger', '=', ledger)
        .where('role', '=', 'support')
        .execute();
      users = new Set(rows.map(({ user_id }) => user_id));
    },
  };
}
