import type { Ledger, Transfer } from '@micropay/ledger-core';
import { type Principal, seesAll } from '../identity/principal.js';
import { walletOwnerOf } from '../identity/wallet-address.js';
import type { VisibleSides } from './transfer-json.js';

/** Finds the sides of a transfer that the caller may see: users see their own wallets, operators and support every account. */
export async function findVisibleSides(
  ledger: Ledger,
  principal: Principal,
  { from, to }: Pick<Transfer, 'from' | 'to'>,
): Promise<VisibleSides> {
  if (seesAll(principal)) return { from: true, to: true };
  const accounts = await ledger.accounts.identifyMany([from, to]);
  const owns = (id: string) => walletOwnerOf(accounts.get(id)?.address ?? '') === principal.id;
  return { from: owns(from), to: owns(to) };
}
