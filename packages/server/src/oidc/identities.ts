import { hash } from 'node:crypto';
import type { Ledger } from '@micropay/ledger-core';
import { fromKysely } from '@micropay/ledger-core/kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';
import { defaultWalletName, walletAddress } from '../identity/wallet-address.js';
import { userCreated } from '../users/user-events.js';
import { insertUser, verifyEmail } from '../users/users.js';

/** Of the wallet that a first sign-in opens, as of one that a registration opens by default. */
const CURRENCY = 'USD';

/** A user of another issuer, and who that is here. */
export interface Identity {
  readonly id: string;
  readonly userId: UserId;
}

interface IdentityServices {
  readonly database: Database;
  readonly ledger: Ledger;
}

/** Names a user at an issuer. Only the hash is stored, which stays when the user is closed and their data is erased. */
export function identityHash(issuer: string, subject: string): Buffer {
  return hash('sha256', JSON.stringify([issuer, subject]), 'buffer');
}

/**
 * The user behind an identity. The first sign-in makes the user, with a first wallet and their events, in one database transaction;
 * of several at once, one does.
 *
 * @returns undefined if the user has been closed: the identity does not make another one
 */
export async function signInIdentity(
  { database, ledger }: IdentityServices,
  { nameHash, email }: { readonly nameHash: Buffer; readonly email: string | undefined },
): Promise<Identity | undefined> {
  const known = await findIdentity(database, ledger.name, nameHash);
  return known === undefined ? makeIdentity({ database, ledger }, { nameHash, email }) : openIdentity(known);
}

/** An identity, and whether its user has been closed. */
interface FoundIdentity extends Identity {
  readonly closed: boolean;
}

function openIdentity({ closed, id, userId }: FoundIdentity): Identity | undefined {
  return closed ? undefined : { id, userId };
}

async function findIdentity(database: Database, ledger: string, nameHash: Buffer): Promise<FoundIdentity | undefined> {
  const row = await database
    .selectFrom('identities')
    .leftJoin('users', (join) =>
      join.onRef('users.ledger', '=', 'identities.ledger').onRef('users.id', '=', 'identities.user_id'),
    )
    .select(['identities.id', 'identities.user_id as userId', 'users.id as openUserId'])
    .where('identities.ledger', '=', ledger)
    .where('identities.identity_hash', '=', nameHash)
    .executeTakeFirst();
  return row && { id: row.id, userId: row.userId, closed: row.openUserId === null };
}

async function makeIdentity(
  { database, ledger }: IdentityServices,
  { nameHash, email }: { readonly nameHash: Buffer; readonly email: string | undefined },
): Promise<Identity | undefined> {
  const identity = { id: uuidv7(), userId: uuidv7() as UserId };
  const isFirst = await database.transaction().execute(async (transaction) => {
    // Waits for another first sign-in that is under way.
    const inserted = await transaction
      .insertInto('identities')
      .values({ ledger: ledger.name, identity_hash: nameHash, id: identity.id, user_id: identity.userId })
      .onConflict((conflict) => conflict.columns(['ledger', 'identity_hash']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (inserted === undefined) return false;
    await insertIssuerUser(transaction, ledger.name, identity.userId, email);
    const within = ledger.within(fromKysely(transaction));
    await within.events.write(userCreated, { subject: identity.userId, data: { userId: identity.userId } });
    const address = walletAddress(identity.userId, defaultWalletName(CURRENCY));
    await within.accounts.open({ address, currency: CURRENCY });
    return true;
  });
  if (isFirst) return identity;
  const found = await findIdentity(database, ledger.name, nameHash);
  return found && openIdentity(found);
}

/** An email that somebody has here already stays theirs: the new user has none, and the two are never the same user. */
async function insertIssuerUser(
  transaction: Database,
  ledger: string,
  id: UserId,
  email: string | undefined,
): Promise<void> {
  const user = { id, ledger, passwordHash: null, displayName: null };
  const withEmail = email === undefined ? undefined : await insertUser(transaction, { ...user, email });
  if (email === undefined || withEmail === undefined) await insertUser(transaction, { ...user, email: null });
  else await verifyEmail(transaction, ledger, { userId: id, email });
}
