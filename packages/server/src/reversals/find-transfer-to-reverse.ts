import { isReversible, type Ledger } from '@micropay/ledger-core';
import { ProblemError } from '../errors/problem.js';
import { isId } from '../http/fields.js';
import type { Principal } from '../identity/principal.js';
import { walletOwnerOf } from '../identity/wallet-address.js';
import { findTransfer, type SeenTransfer, transferMissing } from '../transfers/find-transfer.js';
import { findVisibleSides } from '../transfers/find-visible-sides.js';
import type { VisibleSides } from '../transfers/transfer-json.js';

/**
 * The transfer of that id, if the caller may take it back: operators, and users who were paid by another wallet. A
 * deposit is not theirs to take back, as that would be a withdrawal.
 *
 * @throws {LedgerError} `transfer_not_found`
 * @throws {ProblemError} `forbidden`
 */
export async function findTransferToReverse(ledger: Ledger, principal: Principal, id: string): Promise<SeenTransfer> {
  const seen = await findTransfer(ledger, principal, id);
  if (await mayReverse(ledger, principal, seen)) return seen;
  throw new ProblemError('forbidden', 'only the payee of a payment and operators may reverse it');
}

/**
 * The legs of that linked group by their ids, if the caller may take back all of it that can be taken back.
 *
 * @throws {LedgerError} `transfer_not_found`, also for a group of which the caller may see no leg
 * @throws {ProblemError} `forbidden`
 */
export async function findLinkedToReverse(
  ledger: Ledger,
  principal: Principal,
  groupId: string,
): Promise<ReadonlyMap<string, VisibleSides>> {
  if (!isId(groupId)) throw transferMissing();
  const legs = await ledger.transfers.getLinked(groupId);
  const visible = new Map<string, VisibleSides>();
  for (const transfer of legs) visible.set(transfer.id, await findVisibleSides(ledger, principal, transfer));
  if (![...visible.values()].some(({ from, to }) => from || to)) throw transferMissing();
  for (const transfer of legs.filter(isReversible)) {
    const sides = visible.get(transfer.id);
    if (sides !== undefined && (await mayReverse(ledger, principal, { transfer, visible: sides }))) continue;
    throw new ProblemError(
      'forbidden',
      'only the payee of all of its payments and operators may reverse a linked group',
    );
  }
  return visible;
}

async function mayReverse(ledger: Ledger, principal: Principal, { transfer, visible }: SeenTransfer): Promise<boolean> {
  if (principal.kind === 'operator') return true;
  const payer = await ledger.accounts.identify(transfer.from);
  return visible.to && payer !== undefined && walletOwnerOf(payer.address) !== undefined;
}
