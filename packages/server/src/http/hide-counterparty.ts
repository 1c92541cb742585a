import type { LedgerError, LedgerErrorCode } from '@micropay/ledger-core';
import { type Principal, seesAll } from '../identity/principal.js';
import { walletOwnerOf } from '../identity/wallet-address.js';

/** Refusals that say what one account is or has. */
const OF_ONE_ACCOUNT: ReadonlySet<LedgerErrorCode> = new Set<LedgerErrorCode>([
  'account_closed',
  'account_frozen',
  'account_not_empty',
  'balance_overflow',
  'currency_mismatch',
  'insufficient_funds',
  'limit_broken',
  'maximum_exceeded',
]);

/** Whether a refusal says what an account is or has. */
export function isOfOneAccount({ code }: LedgerError): boolean {
  return OF_ONE_ACCOUNT.has(code);
}

/**
 * Whether a refusal is about an account of somebody else, of which its reader hears no more than that: neither balance,
 * limit, freeze nor currency. Operators hear all, users what is theirs; what names no address is taken for another's.
 */
export function concernsCounterparty(error: LedgerError, reader: Principal | undefined): boolean {
  if (!isOfOneAccount(error) || (reader !== undefined && seesAll(reader))) return false;
  const { address } = error.details;
  return typeof address !== 'string' || walletOwnerOf(address) !== reader?.id;
}
