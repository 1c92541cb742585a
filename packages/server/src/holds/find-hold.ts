import { type Hold, type Ledger, LedgerError } from '@micropay/ledger-core';
import type { Database } from '../database/connect.js';
import { ProblemError } from '../errors/problem.js';
import { isId } from '../http/fields.js';
import type { LedgerServices } from '../http/route.js';
import type { Principal } from '../identity/principal.js';
import { isPayoutsAddress } from '../identity/wallet-address.js';
import { isOfPayout } from '../payouts/payout-store.js';
import { findVisibleSides } from '../transfers/find-visible-sides.js';
import type { VisibleSides } from '../transfers/transfer-json.js';

/** The services that end holds: those of payouts end with their payout, which the server's own tables hold. */
export interface HoldServices extends LedgerServices {
  readonly database: Database;
}

export interface SeenHold {
  readonly hold: Hold;
  readonly visible: VisibleSides;
}

/**
 * The hold of that id, if the caller may see it: its payer, its payee and operators.
 *
 * @throws {LedgerError} `hold_not_found`, also for a hold between others
 */
export async function findHold(ledger: Ledger, principal: Principal, id: string): Promise<SeenHold> {
  if (!isId(id)) throw notFound();
  const hold = await ledger.holds.get(id);
  const visible = await findVisibleSides(ledger, principal, hold);
  if (!visible.from && !visible.to) throw notFound();
  return { hold, visible };
}

/**
 * The hold of that id, if the caller may capture and release it: its payee and operators. What its payer has promised
 * they cannot take back.
 *
 * @throws {LedgerError} `hold_not_found`
 * @throws {ProblemError} `forbidden` for its payer, and for the hold of a payout
 */
export async function findHoldToEnd(
  { ledger, database }: HoldServices,
  principal: Principal,
  id: string,
): Promise<SeenHold> {
  const seen = await findHold(ledger, principal, id);
  if (!seen.visible.to) {
    throw new ProblemError('forbidden', 'only the payee of a hold and operators may capture or release it');
  }
  const payee = await ledger.accounts.identify(seen.hold.to);
  if (payee !== undefined && isPayoutsAddress(payee.address) && (await isOfPayout(database, ledger.name, id))) {
    throw new ProblemError(
      'forbidden',
      'this hold is that of a payout, which has the same id: pay the payout, or fail it',
    );
  }
  return seen;
}

function notFound(): LedgerError {
  return new LedgerError('hold_not_found', 'there is no such hold, or it is not yours');
}
