import { type Ledger, LedgerError } from '@micropay/ledger-core';
import { worldAddress } from '../identity/wallet-address.js';

/**
 * The address of the account that stands for the world outside in this currency, opened at its first use. Its
 * balance says how much money of that currency the wallets hold.
 *
 * @throws {LedgerError} `unknown_currency`
 */
export async function ensureWorldAccount(ledger: Ledger, currency: string): Promise<string> {
  const address = worldAddress(currency);
  if ((await ledger.accounts.identify(address)) !== undefined) return address;
  try {
    await ledger.accounts.open({ address, currency });
  } catch (error) {
    // Another request was first.
    if (!(error instanceof LedgerError && error.code === 'account_exists')) throw error;
  }
  return address;
}
