import { sql } from 'kysely';
import type { Database } from '../database/connect.js';
import { inSteps } from '../database/in-steps.js';
import { ProblemError } from '../errors/problem.js';
import { isId } from '../http/fields.js';
import type { Place } from '../http/page.js';
import type { UserId } from '../identity/user-id.js';
import type { Destination, Payout, PayoutState } from './payout.js';

/** Payments come back within weeks, if they do. */
const DESTINATION_KEPT_DAYS = 90;
const ERASED_AT_ONCE = 1_000;

const COLUMNS = [
  'id',
  'user_id as userId',
  'wallet',
  'amount',
  'currency',
  'destination',
  'state',
  'reference',
  'reason',
  'transfer',
  'created_at as createdAt',
  'taken_at as takenAt',
  'finished_at as finishedAt',
] as const;

/** Who took a payout up, and under which idempotency key. */
export interface Taker {
  readonly by: string;
  readonly key: string;
}

/** How a payout ends, and the capture or release that did it. */
export type PayoutEnd = { readonly transfer: string } & (
  | { readonly state: 'paid'; readonly reference: string }
  | { readonly state: 'failed'; readonly reason: string }
  | { readonly state: 'cancelled' }
);

interface PageOf {
  readonly after: Place | undefined;
  readonly limit: number;
}

export function insertPayout(
  transaction: Database,
  ledger: string,
  payout: Pick<Payout, 'id' | 'userId' | 'wallet' | 'amount' | 'currency'> & { readonly destination: Destination },
): Promise<Payout> {
  const { id, userId, wallet, amount, currency, destination } = payout;
  return transaction
    .insertInto('payouts')
    .values({ ledger, id, user_id: userId, wallet, amount, currency, destination: JSON.stringify(destination) })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
}

/**
 * The payout of that id; with a user, only if it is theirs.
 *
 * @throws {ProblemError} `payout_not_found`
 */
export async function findPayout(
  database: Database,
  ledger: string,
  { id, userId }: { readonly id: string; readonly userId?: UserId | undefined },
): Promise<Payout> {
  if (!isId(id)) throw payoutMissing();
  const payout = await byId(database, ledger, id).executeTakeFirst();
  return ofUser(payout, userId);
}

/**
 * As `findPayout`, locked until the transaction ends, with who took it up: whatever becomes of a payout is decided by one after the other.
 *
 * @throws {ProblemError} `payout_not_found`
 */
export async function lockPayout(
  transaction: Database,
  ledger: string,
  { id, userId }: { readonly id: string; readonly userId?: UserId | undefined },
): Promise<Payout & { readonly takenBy: string | null; readonly takenKey: string | null }> {
  if (!isId(id)) throw payoutMissing();
  const payout = await byId(transaction, ledger, id)
    .select(['taken_by as takenBy', 'taken_key as takenKey'])
    .forUpdate()
    .executeTakeFirst();
  return ofUser(payout, userId);
}

/** Those of one user, the newest first. */
export function listOwnPayouts(
  database: Database,
  ledger: string,
  { userId, after, limit }: PageOf & { readonly userId: UserId },
): Promise<readonly Payout[]> {
  let query = database
    .selectFrom('payouts')
    .select(COLUMNS)
    .where('ledger', '=', ledger)
    .where('user_id', '=', userId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit);
  if (after !== undefined) {
    query = query.where(sql<boolean>`(created_at, id) < (${after.at}::timestamptz, ${after.id}::uuid)`);
  }
  return query.execute();
}

/** Those of all users that are in one state, the oldest first. */
export function listPayouts(
  database: Database,
  ledger: string,
  { state, after, limit }: PageOf & { readonly state: PayoutState },
): Promise<readonly Payout[]> {
  let query = database
    .selectFrom('payouts')
    .select(COLUMNS)
    .where('ledger', '=', ledger)
    .where('state', '=', state)
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit);
  if (after !== undefined) {
    query = query.where(sql<boolean>`(created_at, id) > (${after.at}::timestamptz, ${after.id}::uuid)`);
  }
  return query.execute();
}

/** Which payout this key has taken up, if any. */
export function findTakenUnder(
  database: Database,
  ledger: string,
  { by, key }: Taker,
): Promise<{ readonly id: string } | undefined> {
  return database
    .selectFrom('payouts')
    .select('id')
    .where('ledger', '=', ledger)
    .where('taken_by', '=', by)
    .where('taken_key', '=', key)
    .executeTakeFirst();
}

export function markTaken(transaction: Database, ledger: string, id: string, { by, key }: Taker): Promise<Payout> {
  return changed(transaction, ledger, id)
    .set({ state: 'processing', taken_by: by, taken_key: key, taken_at: sql<Date>`now()` })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
}

export function markEnded(
  transaction: Database,
  ledger: string,
  id: string,
  { transfer, ...end }: PayoutEnd,
): Promise<Payout> {
  return changed(transaction, ledger, id)
    .set({ ...end, transfer, finished_at: sql<Date>`now()` })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
}

/** Whether a hold is that of a payout. */
export async function isOfPayout(database: Database, ledger: string, id: string): Promise<boolean> {
  return (await byId(database, ledger, id).executeTakeFirst()) !== undefined;
}

/** Whether a payout of this user may still be paid. */
export async function hasOpenPayout(transaction: Database, ledger: string, userId: UserId): Promise<boolean> {
  const open = await transaction
    .selectFrom('payouts')
    .select('id')
    .where('ledger', '=', ledger)
    .where('user_id', '=', userId)
    .where('state', 'in', ['requested', 'processing'])
    .limit(1)
    .executeTakeFirst();
  return open !== undefined;
}

/** Forgets where the payouts of a user went. */
export async function eraseDestinations(transaction: Database, ledger: string, userId: UserId): Promise<void> {
  await transaction
    .updateTable('payouts')
    .set({ destination: null })
    .where('ledger', '=', ledger)
    .where('user_id', '=', userId)
    .execute();
}

/** Forgets where payouts went that ended long ago: whoever has to trace one asks the provider, by its reference. */
export async function eraseOldDestinations(database: Database, ledger: string): Promise<void> {
  const old = database
    .selectFrom('payouts')
    .select('id')
    .where('ledger', '=', ledger)
    .where('destination', 'is not', null)
    .where('finished_at', '<', sql<Date>`now() - make_interval(days => ${DESTINATION_KEPT_DAYS})`)
    .limit(ERASED_AT_ONCE);
  await inSteps(ERASED_AT_ONCE, () =>
    database
      .updateTable('payouts')
      .set({ destination: null })
      .where('ledger', '=', ledger)
      .where('id', 'in', old)
      .executeTakeFirst(),
  );
}

function byId(database: Database, ledger: string, id: string) {
  return database.selectFrom('payouts').select(COLUMNS).where('ledger', '=', ledger).where('id', '=', id);
}

function changed(transaction: Database, ledger: string, id: string) {
  return transaction.updateTable('payouts').where('ledger', '=', ledger).where('id', '=', id);
}

function ofUser<Found extends Payout>(payout: Found | undefined, userId: UserId | undefined): Found {
  if (payout === undefined || (userId !== undefined && payout.userId !== userId)) throw payoutMissing();
  return payout;
}

function payoutMissing(): ProblemError {
  return new ProblemError('payout_not_found', 'there is no such payout, or it is not yours');
}
