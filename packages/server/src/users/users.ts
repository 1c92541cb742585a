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

/** A user who has not closed the account. */
export function findUser(database: Database, ledger: string, id: UserId): Promise<User | undefined> {
  return database
    .selectFrom('users')
    .select(USER_COLUMNS)
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .where('closed_at', 'is', null)
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

export function findUserWithPassword(
  database: Database,
  ledger: string,
  id: UserId,
): Promise<(User & { readonly passwordHash: string | null }) | undefined> {
  return withPassword(database, ledger, id).executeTakeFirst();
}

/** The user with the hash of the password, locked until the transaction ends. */
export function lockUser(
  transaction: Database,
  ledger: string,
  id: UserId,
): Promise<(User & { readonly passwordHash: string | null }) | undefined> {
  return withPassword(transaction, ledger, id).forUpdate().executeTakeFirst();
}

function withPassword(database: Database, ledger: string, id: UserId) {
  return database
    .selectFrom('users')
    .select([...USER_COLUMNS, 'password_hash as passwordHash'])
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .where('closed_at', 'is', null);
}

/** Forgets who a user was. */
export async function eraseUser(transaction: Database, ledger: string, id: UserId): Promise<void> {
  await transaction
    .updateTable('users')
    .set({
      email: null,
      password_hash: null,
      display_name: null,
      email_verified_at: null,
      closed_at: sql<Date>`now()`,
    })
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .execute();
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

/** Gives a user another email, which has just been confirmed. False when somebody else has it. */
export async function changeEmail(
  transaction: Database,
  ledger: string,
  { userId, email }: { readonly userId: UserId; readonly email: string },
): Promise<boolean> {
  // Asked first, as a violated constraint would end the transaction; of two at the same time, one meets the constraint.
  const holder = await findUserByEmail(transaction, ledger, email);
  if (holder !== undefined) return holder.id === userId;
  await transaction
    .updateTable('users')
    .set({ email, email_verified_at: sql<Date>`now()` })
    .where('ledger', '=', ledger)
    .where('id', '=', userId)
    .execute();
  return true;
}

/** Ids by email; emails that nobody has are left out, and with `onlyVerified` those that their users have not confirmed. */
export async function findUserIds(
  database: Database,
  ledger: string,
  emails: readonly string[],
  { onlyVerified }: { readonly onlyVerified: boolean },
): Promise<ReadonlyMap<string, UserId>> {
  const found = database
    .selectFrom('users')
    .select(['id', 'email'])
    .where('ledger', '=', ledger)
    .where('email', 'in', emails);
  const rows = await (onlyVerified ? found.where('email_verified_at', 'is not', null) : found).execute();
  return new Map(rows.flatMap(({ id, email }) => (email === null ? [] : [[email, id] as const])));
}
