import type { Ledger } from '@micropay/ledger-core';
import { fromKysely } from '@micropay/ledger-core/kysely';
import type { Transaction } from 'kysely';
import type { Database } from '../database/connect.js';
import { rolledBack } from '../database/rolled-back.js';
import type { Tables } from '../database/tables.js';
import { ensureWorldAccount } from '../deposits/world-account.js';
import { ProblemError } from '../errors/problem.js';
import { userGone } from '../errors/token-refused.js';
import { given } from '../http/given.js';
import type { UserPrincipal } from '../identity/principal.js';
import { payoutsAddress } from '../identity/wallet-address.js';
import { dryRunOf } from '../transfers/dry-run.js';
import { lockUser } from '../users/users.js';
import type { VerifiedUsers } from '../users/verified-users.js';
import { findWallet } from '../wallets/find-wallet.js';
import type { Destination, PayoutResult } from './payout.js';
import { findPayout, insertPayout } from './payout-store.js';

export interface PayoutServices {
  readonly ledger: Ledger;
  readonly database: Database;
  readonly verifiedUsers: VerifiedUsers;
}

/** The account of payouts, whose limits a user does not hear of. */
const NOT_THEIRS = { to: false };

/** What a user asks for. */
export interface NewPayout {
  readonly from: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly destination: Destination;
  readonly idempotencyKey: string;
  /** Only judged, not asked for. */
  readonly dryRun: boolean;
}

/**
 * Places the hold and writes the payout in one database transaction: both are there, or neither. The hold never expires, as it
 * would free money that may be on its way already. A repeated request gets the payout as it is now.
 *
 * @throws {LedgerError} as `holds.place`
 * @throws {ProblemError} `email_unverified`, `idempotency_key_reused` for another destination
 */
export async function requestPayout(
  { ledger, database, verifiedUsers }: PayoutServices,
  principal: UserPrincipal,
  { from, amount, currency, destination, idempotencyKey, dryRun }: NewPayout,
): Promise<PayoutResult> {
  await verifiedUsers.require(principal);
  const wallet = await findWallet(ledger, principal, from);
  const account = { address: payoutsAddress(currency), currency };

  async function place(transaction: Transaction<Tables>): Promise<PayoutResult> {
    // Users, payouts, balances: whoever closes an account locks in this order, too.
    if ((await lockUser(transaction, ledger.name, principal.id)) === undefined) throw userGone();
    const within = ledger.within(fromKysely(transaction));
    // A dry run must not leave the account behind, and cannot do without it.
    if (dryRun) await within.accounts.ensure(account);
    const order = { from: wallet.id, to: account.address, amount, currency, idempotencyKey, scope: principal.id };
    const { id, replayed } = await within.holds.place({ ...order, ...given({ dryRun: dryRunOf(dryRun, NOT_THEIRS) }) });
    if (replayed) {
      const payout = await findPayout(transaction, ledger.name, { id });
      if (!isSame(payout.destination, destination)) throw otherDestination();
      return { payout, replayed };
    }
    const row = { id, userId: principal.id, wallet: wallet.id, amount: String(amount), currency, destination };
    return { payout: await insertPayout(transaction, ledger.name, row), replayed };
  }

  if (dryRun) return rolledBack(database, place);
  await ensureWorldAccount(ledger, account);
  return database.transaction().execute(place);
}

/** The ledger compares what it knows of a request, and the destination is none of it. One that was erased can no longer differ. */
function isSame(stored: Destination | null, asked: Destination): boolean {
  return stored === null || inOrder(stored) === inOrder(asked);
}

function inOrder(destination: Destination): string {
  return JSON.stringify(Object.entries(destination).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function otherDestination(): ProblemError {
  return new ProblemError('idempotency_key_reused', 'this idempotency key names a payout to another destination');
}
