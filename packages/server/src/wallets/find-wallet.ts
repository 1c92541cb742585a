import { type AccountIdentity, type Ledger, LedgerError } from '@micropay/ledger-core';
import { isId } from '../http/fields.js';
import { type Principal, seesAll } from '../identity/principal.js';
import { walletOwnerOf } from '../identity/wallet-address.js';

/**
 * The wallet of that id, if the caller may see it: users their own, operators and support all.
 *
 * @throws {LedgerError} `account_not_found`, also for a wallet of somebody else
 */
export async function findWallet(ledger: Ledger, principal: Principal, id: string): Promise<AccountIdentity> {
  // An account can be looked up by its address too, but an address is not an id that we gave out.
  const identity = isId(id) ? await ledger.accounts.identify(id) : undefined;
  const owner = identity === undefined ? undefined : walletOwnerOf(identity.address);
  if (identity === undefined || owner === undefined || (!seesAll(principal) && owner !== principal.id)) {
    throw walletMissing();
  }
  return identity;
}

export function walletMissing(): LedgerError {
  return new LedgerError('account_not_found', 'there is no such wallet, or it is not yours');
}
