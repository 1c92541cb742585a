import { sql } from 'kysely';
import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';
import type { User } from './user.js';

const USER_COLUMNS = [
  'id',
  'email',
  'display_name as displayName',
  'email_verified_at as emailVerifiedAt',
  'created_at as createdAt',
] as const;

/** Undefined when the email is taken in this ledger. */
export function insertUser(
  database: Database,
  user: {
    readonly id: UserId;
    readonly ledger: string;
    /** Null for a user of another issuer who has none here. */
    readonly email: string | null;
    /** Null for a user who signs in with another issuer. */
    readonly passwordHash: string | null;
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
): Promise<(User & { readonly passwordHash: string | null }) | undefined> {
  return database
    .selectFrom('users')
    .select([...USER_COLUMNS, 'password_hash as passwordHash'])
    .where('ledger', '=', ledger)
    .where('email', '=', email)
    .executeTakeFirst();
}

/** The user with the hash of the password, locked until the transaction ends. */
export function lockUser(
  transaction: Database,
  ledger: string,
  id: UserId,
): Promise<(User & { readonly passwordHash: string | null }) | undefined> {
  return transaction
    .selectFrom('users')
    .select([...USER_COLUMNS, 'password_hash as passwordHash'])
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
}

/** Sets a user's new password. */
export async function setPasswordHash(
  transaction: Database,
  ledger: string,
  id: UserId,
  passwordHash: string,
): Promise<void> {
  await transaction
    .updateTable('users')
    .set({ password_hash: passwordHash })
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .execute();
}

/** False when the user has another email by now. */
export async function verifyEmail(
  transaction: Database,
  ledger: string,
  { userId, email }: { readonly userId: UserId; readonly email: string },
): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable('users')
    .set({ email_verified_at: sql`coalesce(email_verified_at, now())` })
    .where('ledger', '=', ledger)
    .where('id', '=', userId)
    .where('email', '=', email)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
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
  return new Map(rows.flatMap(({ id, email }) => (email === null ? [] : [[email, id] as const])));
}
