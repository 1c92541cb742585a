import { type Ledger, LedgerError, type Transfer } from '@micropay/ledger-core';
import type { Principal } from '../auth/principal.js';
import { isId } from '../http/fields.js';
import { walletOwnerOf } from '../wallets/wallet-address.js';
import type { VisibleSides } from './transfer-json.js';

/**
 * The transfer of that id, if the caller may see it: its two parties and operators.
 *
 * @throws {LedgerError} `transfer_not_found`, also for a transfer between others
 */
export async function findTransfer(
  ledger: Ledger,
  principal: Principal,
  id: string,
): Promise<{ readonly transfer: Transfer; readonly visible: VisibleSides }> {
  if (!isId(id)) throw notFound();
  const transfer = await ledger.transfers.get(id);
  if (principal.kind === 'operator') return { transfer, visible: { from: true, to: true } };
  const visible = {
    from: await owns(ledger, principal, transfer.from),
    to: await owns(ledger, principal, transfer.to),
  };
  if (!visible.from && !visible.to) throw notFound();
  return { transfer, visible };
}

async function owns(ledger: Ledger, { id }: Principal, accountId: string): Promise<boolean> {
  const identity = await ledger.accounts.identify(accountId);
  return identity !== undefined && walletOwnerOf(identity.address) === id;
}

function notFound(): LedgerError {
  return new LedgerError('transfer_not_found', 'there is no such transfer, or it is not yours');
}
