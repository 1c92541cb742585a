import { type Ledger, LedgerError, type Transfer } from '@micropay/ledger-core';
import { isId } from '../http/fields.js';
import type { Principal } from '../identity/principal.js';
import { findVisibleSides } from './find-visible-sides.js';
import type { VisibleSides } from './transfer-json.js';

export interface SeenTransfer {
  readonly transfer: Transfer;
  readonly visible: VisibleSides;
}

/**
 * The transfer of that id, if the caller may see it: its two parties and operators.
 *
 * @throws {LedgerError} `transfer_not_found`, also for a transfer between others
 */
export async function findTransfer(ledger: Ledger, principal: Principal, id: string): Promise<SeenTransfer> {
  if (!isId(id)) throw transferMissing();
  const transfer = await ledger.transfers.get(id);
  const visible = await findVisibleSides(ledger, principal, transfer);
  if (!visible.from && !visible.to) throw transferMissing();
  return { transfer, visible };
}

export function transferMissing(): LedgerError {
  return new LedgerError('transfer_not_found', 'there is no such transfer, or it is not yours');
}
