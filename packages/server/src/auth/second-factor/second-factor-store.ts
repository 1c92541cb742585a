import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import { removeLoginChallenges } from './login-challenge.js';
import { countRecoveryCodes, removeRecoveryCodes } from './recovery-codes.js';
import type { FactorOwner, LoginMethod, SecondFactor, SecondFactorKind } from './second-factor.js';
import { forgetWrongCodes } from './wrong-codes.js';

/** How long a second factor waits for its first right code. */
export const ENROLMENT_LIFETIME_S = 600;

export const FACTOR_COLUMNS = [
  'id',
  sql<SecondFactorKind>`kind`.as('kind'),
  'name',
  'created_at as createdAt',
  'last_used_at as lastUsedAt',
] as const;

/** An authenticator app, with what its codes are checked by. */
export interface TotpFactor {
  readonly id: string;
  readonly secret: Buffer;
  /** The time step of the newest code that was accepted. */
  readonly lastStep: number;
}

/** Those that count, the oldest first. */
export function listSecondFactors(database: Database, owner: FactorOwner): Promise<readonly SecondFactor[]> {
  return ofUser(database, owner).select(FACTOR_COLUMNS).where('confirmed_at', 'is not', null).orderBy('id').execute();
}

/** How the user can complete a login; nothing for a user without a second factor. */
export async function loginMethodsOf(database: Database, owner: FactorOwner): Promise<readonly LoginMethod[]> {
  const kinds = new Set((await listSecondFactors(database, owner)).map(({ kind }) => kind));
  if (kinds.size === 0) return [];
  const hasCodes = (await countRecoveryCodes(database, owner)) > 0;
  return [...kinds, ...(hasCodes ? (['recovery_code'] as const) : [])];
}

/** What a second factor is added with, by its kind. */
export type NewFactor = { readonly name: string } & (
  | { readonly kind: 'totp'; readonly secret: Buffer; readonly last_step: number }
  | { readonly kind: 'passkey'; readonly challenge: Buffer }
);

/** Adds a second factor that does not count yet, in place of another of its kind that does not. */
export async function addUnconfirmed(transaction: Database, owner: FactorOwner, factor: NewFactor): Promise<void> {
  await removeOf(transaction, owner).where('kind', '=', factor.kind).where('confirmed_at', 'is', null).execute();
  await transaction
    .insertInto('second_factors')
    .values({ ledger: owner.ledger, id: uuidv7(), user_id: owner.userId, ...factor })
    .execute();
}

/** The second factor of this kind that waits for its first proof, if it has not waited too long. */
export function unconfirmedOf(database: Database, owner: FactorOwner, kind: SecondFactorKind) {
  return ofUser(database, owner)
    .where('kind', '=', kind)
    .where('confirmed_at', 'is', null)
    .where('created_at', '>', sql<Date>`now() - make_interval(secs => ${ENROLMENT_LIFETIME_S})`);
}

/** Those of this kind that count. */
export function confirmedOf(database: Database, owner: FactorOwner, kind: SecondFactorKind) {
  return ofUser(database, owner).where('kind', '=', kind).where('confirmed_at', 'is not', null);
}

/** The authenticator app that counts, or the one that waits for its first code. */
export async function findTotp(
  database: Database,
  owner: FactorOwner,
  { isConfirmed }: { readonly isConfirmed: boolean },
): Promise<TotpFactor | undefined> {
  return (isConfirmed ? confirmedOf : unconfirmedOf)(database, owner, 'totp')
    .select(['id', sql<Buffer>`secret`.as('secret'), sql<number>`last_step::int`.as('lastStep')])
    .executeTakeFirst();
}

/** Lets an authenticator app count from now on, in place of the one that did. */
export async function confirmTotp(
  transaction: Database,
  owner: FactorOwner,
  { id, step }: { readonly id: string; readonly step: number },
): Promise<SecondFactor> {
  await removeOf(transaction, owner).where('kind', '=', 'totp').where('id', '!=', id).execute();
  return transaction
    .updateTable('second_factors')
    .set({ confirmed_at: sql<Date>`now()`, last_step: step })
    .where('ledger', '=', owner.ledger)
    .where('id', '=', id)
    .returning(FACTOR_COLUMNS)
    .executeTakeFirstOrThrow();
}

/** Remembers how far a second factor that was used has counted: the same proof is accepted no more. */
export async function rememberUse(
  transaction: Database,
  ledger: string,
  { id, ...counted }: { readonly id: string } & ({ readonly last_step: number } | { readonly sign_count: number }),
): Promise<void> {
  await transaction
    .updateTable('second_factors')
    .set({ ...counted, last_used_at: sql<Date>`now()` })
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .execute();
}

/**
 * Removes one of a user's second factors. With the last one go the recovery codes.
 *
 * @throws {ProblemError} `second_factor_not_found`
 */
export async function removeSecondFactor(transaction: Database, owner: FactorOwner, id: string): Promise<void> {
  const { numDeletedRows } = await removeOf(transaction, owner)
    .where('id', '=', id)
    .where('confirmed_at', 'is not', null)
    .executeTakeFirst();
  if (numDeletedRows === 0n) throw secondFactorMissing();
  const left = await listSecondFactors(transaction, owner);
  if (left.length === 0) await eraseSecondFactors(transaction, owner);
}

/** Removes all that a user has beside the password. */
export async function eraseSecondFactors(transaction: Database, owner: FactorOwner): Promise<void> {
  await removeOf(transaction, owner).execute();
  await removeRecoveryCodes(transaction, owner);
  await removeLoginChallenges(transaction, owner);
  await forgetWrongCodes(transaction, owner);
}

/** Ends what was begun with a password that is replaced: logins that wait for a second factor, and second factors that do not count yet. */
export async function endBegun(transaction: Database, owner: FactorOwner): Promise<void> {
  await removeLoginChallenges(transaction, owner);
  await removeOf(transaction, owner).where('confirmed_at', 'is', null).execute();
}

/** Forgets those that never got a right code. */
export async function removeUnconfirmed(database: Database, ledger: string): Promise<void> {
  await database
    .deleteFrom('second_factors')
    .where('ledger', '=', ledger)
    .where('confirmed_at', 'is', null)
    .where('created_at', '<', sql<Date>`now() - make_interval(secs => ${ENROLMENT_LIFETIME_S})`)
    .execute();
}

export function secondFactorMissing(): ProblemError {
  return new ProblemError('second_factor_not_found', 'you have no second factor with this id');
}

function ofUser(database: Database, { ledger, userId }: FactorOwner) {
  return database.selectFrom('second_factors').where('ledger', '=', ledger).where('user_id', '=', userId);
}

function removeOf(transaction: Database, { ledger, userId }: FactorOwner) {
  return transaction.deleteFrom('second_factors').where('ledger', '=', ledger).where('user_id', '=', userId);
}
