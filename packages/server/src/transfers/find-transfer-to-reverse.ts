import type { Ledger } from '@micropay/ledger-core';
import type { Principal } from '../auth/principal.js';
import { ProblemError } from '../http/problem.js';
import { walletOwnerOf } from '../wallets/wallet-address.js';
import { findTransfer, type SeenTransfer } from './find-transfer.js';

/**
 * The transfer of that id, if the caller may take it back: operators, and users who were paid by another wallet. A
 * deposit is not theirs to take back, as that would be a withdrawal.
 *
 * @throws {LedgerError} `transfer_not_found`
 * @throws {ProblemError} `forbidden`
 */
export async function findTransferToReverse(ledger: Ledger, principal: Principal, id: string): Promise<SeenTransfer> {
  const seen = await findTransfer(ledger, principal, id);
  if (principal.kind === 'operator') return seen;
  const payer = await ledger.accounts.identify(seen.transfer.from);
  if (seen.visible.to && payer !== undefined && walletOwnerOf(payer.address) !== undefined) return seen;
  throw new ProblemError('forbidden', 'only the payee of a payment and operators may reverse it');
}
