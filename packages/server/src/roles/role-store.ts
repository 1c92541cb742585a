import { recordAct } from '../audit/record-act.js';
import type { Database } from '../database/connect.js';
import type { Act } from '../identity/act.js';
import type { UserId } from '../identity/user-id.js';
import { userMissing } from '../users/user-id-in.js';
import { findUser } from '../users/users.js';

/** A role of a user. */
export interface RoleGrant {
  readonly userId: UserId;
  readonly role: 'support';
  readonly grantedBy: string;
  readonly grantedAt: Date;
}

const COLUMNS = ['user_id as userId', 'role', 'granted_by as grantedBy', 'granted_at as grantedAt'] as const;

/** Users who have a role, in the order of their ids. */
export function listRoles(
  database: Database,
  ledger: string,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<readonly RoleGrant[]> {
  const query = database.selectFrom('user_roles').select(COLUMNS).where('ledger', '=', ledger);
  const following = after === undefined ? query : query.where('user_id', '>', after as UserId);
  return following.orderBy('user_id').limit(limit).execute();
}

/**
 * Makes a user support, and records the act; a user who is it already keeps their grant.
 *
 * @throws {ProblemError} `user_not_found`
 */
export function grantSupport(database: Database, ledger: string, userId: UserId, act: Act): Promise<RoleGrant> {
  return database.transaction().execute(async (transaction) => {
    if ((await findUser(transaction, ledger, userId)) === undefined) throw userMissing();
    await transaction
      .insertInto('user_roles')
      .values({ ledger, user_id: userId, role: 'support', granted_by: act.principal })
      .onConflict((conflict) => conflict.columns(['ledger', 'user_id', 'role']).doNothing())
      .execute();
    await recordAct(transaction, ledger, { ...act, subject: userId });
    return transaction
      .selectFrom('user_roles')
      .select(COLUMNS)
      .where('ledger', '=', ledger)
      .where('user_id', '=', userId)
      .where('role', '=', 'support')
      .executeTakeFirstOrThrow();
  });
}

/**
 * Takes the role from a user, and records the act; may be called again.
 *
 * @throws {ProblemError} `user_not_found`
 */
export function revokeSupport(database: Database, ledger: string, userId: UserId, act: Act): Promise<void> {
  return database.transaction().execute(async (transaction) => {
    if ((await findUser(transaction, ledger, userId)) === undefined) throw userMissing();
    await transaction
      .deleteFrom('user_roles')
      .where('ledger', '=', ledger)
      .where('user_id', '=', userId)
      .where('role', '=', 'support')
      .execute();
    await recordAct(transaction, ledger, { ...act, subject: userId });
  });
}
