import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';
import type { User } from './user.js';

const USER_COLUMNS = ['id', 'email', 'display_name as displayName', 'created_at as createdAt'] as const;

/** Undefined when the email is taken in this ledger. */
export function insertUser(
  database: Database,
  user: {
    readonly id: UserId;
    readonly ledger: string;
    readonly email: string;
    readonly passwordHash: string;
    readonly displayName: string | null;
  },
): Promise<User | undefined> {
  return database
    .insertInto('users')
    .values({
      id: user.id,
      ledger: user.ledger,
      email: user.email,
      password_hash: user.passwordHash,
      display_name: user.displayName,
    })
    .onConflict((conflict) => conflict.columns(['ledger', 'email']).doNothing())
    .returning(USER_COLUMNS)
    .executeTakeFirst();
}

export function findUser(database: Database, ledger: string, id: UserId): Promise<User | undefined> {
  return database
    .selectFrom('users')
    .select(USER_COLUMNS)
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .executeTakeFirst();
}

export function findUserByEmail(
  database: Database,
  ledger: string,
  email: string,
): Promise<(User & { readonly passwordHash: string }) | undefined> {
  return database
    .selectFrom('users')
    .select([...USER_COLUMNS, 'password_hash as passwordHash'])
    .where('ledger', '=', ledger)
    .where('email', '=', email)
    .executeTakeFirst();
}

/** Ids by email; emails that nobody has are left out. */
export async function findUserIds(
  database: Database,
  ledger: string,
  emails: readonly string[],
): Promise<ReadonlyMap<string, UserId>> {
  const rows = await database
    .selectFrom('users')
    .select(['id', 'email'])
    .where('ledger', '=', ledger)
    .where('email', 'in', emails)
    .execute();
  return new Map(rows.map(({ id, email }) => [email, id]));
}
