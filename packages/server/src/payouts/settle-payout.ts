import { type Ledger, LedgerError, type PostedTransfer } from '@micropay/ledger-core';
import { fromKysely } from '@micropay/ledger-core/kysely';
import type { Transaction } from 'kysely';
import type { Database } from '../database/connect.js';
import type { Tables } from '../database/tables.js';
import { violates } from '../database/violates.js';
import { ProblemError } from '../errors/problem.js';
import type { Operator, UserPrincipal } from '../identity/principal.js';
import type { Payout, PayoutResult } from './payout.js';
import { findTakenUnder, lockPayout, markEnded, markTaken, type PayoutEnd, type Taker } from './payout-store.js';

interface Settling {
  readonly ledger: Ledger;
  readonly database: Database;
}

type WithinLedger = ReturnType<Ledger['within']>;

/**
 * Takes a payout up: from now on its user cannot cancel it, and nobody else takes it up.
 *
 * @throws {ProblemError} `payout_not_found`, `payout_processing`, `payout_ended`, `idempotency_key_reused`
 */
export function takePayout(
  { ledger: { name }, database }: Settling,
  { id: operator }: Operator,
  id: string,
  key: string,
): Promise<PayoutResult> {
  const taker: Taker = { by: `operator:${operator}`, key };
  return database
    .transaction()
    .execute(async (transaction) => {
      const { takenBy, takenKey, ...payout } = await lockPayout(transaction, name, { id });
      if (takenBy === taker.by && takenKey === taker.key) {
        // Somebody may have found it stuck and ended it: its money is not to be sent any more.
        if (hasEnded(payout)) throw payoutEnded(payout);
        return { payout, replayed: true };
      }
      if ((await findTakenUnder(transaction, name, taker)) !== undefined) throw keyReused();
      refuseUnlessRequested(payout);
      return { payout: await markTaken(transaction, name, id, taker), replayed: false };
    })
    .catch((error: unknown) => {
      // Of two payouts that are taken up under one key at the same moment, one meets the constraint.
      throw violates(error, 'payouts_taken_unique') ? keyReused() : error;
    });
}

/**
 * Captures the hold of a payout that the provider has paid.
 *
 * @throws {LedgerError} as `holds.capture`
 * @throws {ProblemError} `payout_not_found`, `payout_not_taken`, `payout_ended`
 */
export function payPayout(
  settling: Settling,
  { id: scope }: Operator,
  {
    id,
    reference,
    idempotencyKey,
  }: { readonly id: string; readonly reference: string; readonly idempotencyKey: string },
): Promise<PayoutResult> {
  return endPayout(settling, { id }, async ({ holds }, { state }) => {
    if (state === 'requested') throw notTaken();
    const capture = await holds.capture(id, { reference, idempotencyKey, scope });
    return { ...ended(capture), state: 'paid', reference };
  });
}

/**
 * Releases the hold of a payout that cannot be paid.
 *
 * @throws {LedgerError} as `holds.release`
 * @throws {ProblemError} `payout_not_found`, `payout_ended`
 */
export function failPayout(
  settling: Settling,
  { id: scope }: Operator,
  { id, reason, idempotencyKey }: { readonly id: string; readonly reason: string; readonly idempotencyKey: string },
): Promise<PayoutResult> {
  return endPayout(settling, { id }, async ({ holds }) => {
    const release = await holds.release(id, { description: reason, idempotencyKey, scope });
    return { ...ended(release), state: 'failed', reason };
  });
}

/**
 * Releases the hold of a payout that nobody has taken up.
 *
 * @throws {LedgerError} as `holds.release`
 * @throws {ProblemError} `payout_not_found`, also for another user's; `payout_processing`, `payout_ended`
 */
export function cancelPayout(
  settling: Settling,
  { id: userId }: UserPrincipal,
  { id, idempotencyKey }: { readonly id: string; readonly idempotencyKey: string },
): Promise<PayoutResult> {
  return endPayout(settling, { id, userId }, async ({ holds }, payout) => {
    if (payout.state === 'processing') refuseUnlessRequested(payout);
    const release = await holds.release(id, { idempotencyKey, scope: userId });
    return { ...ended(release), state: 'cancelled' };
  });
}

/** Moves the money and writes what became of the payout in one database transaction, one after the other for each payout. */
function endPayout(
  { ledger, database }: Settling,
  which: Parameters<typeof lockPayout>[2],
  end: (within: WithinLedger, payout: Payout) => Promise<PayoutEnd & { readonly replayed: boolean }>,
): Promise<PayoutResult> {
  return database.transaction().execute(async (transaction: Transaction<Tables>) => {
    const { takenBy: _by, takenKey: _key, ...payout } = await lockPayout(transaction, ledger.name, which);
    const { replayed, ...how } = await end(ledger.within(fromKysely(transaction)), payout).catch((error: unknown) => {
      if (error instanceof LedgerError && error.code === 'hold_closed' && hasEnded(payout)) throw payoutEnded(payout);
      throw error;
    });
    return { payout: replayed ? payout : await markEnded(transaction, ledger.name, payout.id, how), replayed };
  });
}

function ended({ id, replayed }: PostedTransfer) {
  return { transfer: id, replayed };
}

/** @throws {ProblemError} `payout_processing`, `payout_ended` */
function refuseUnlessRequested(payout: Payout): void {
  if (payout.state === 'processing') {
    throw new ProblemError('payout_processing', 'this payout was taken up already: its money may be on its way');
  }
  if (hasEnded(payout)) throw payoutEnded(payout);
}

function notTaken(): ProblemError {
  return new ProblemError(
    'payout_not_taken',
    'take this payout up before you pay it, so that its user cannot cancel it',
  );
}

function hasEnded({ finishedAt }: Payout): boolean {
  return finishedAt !== null;
}

function payoutEnded({ state }: Payout): ProblemError {
  return new ProblemError('payout_ended', `this payout has ended: it is ${state}`);
}

function keyReused(): ProblemError {
  return new ProblemError('idempotency_key_reused', 'this idempotency key has taken up another payout');
}
