import { type Ledger, LedgerError } from '@micropay/ledger-core';

/**
 * Opens the account of the world outside with this address at its first use. Together, the balances of those of a currency say
 * how much money of it is in the ledger.
 *
 * @throws {LedgerError} `unknown_currency`
 */
export async function ensureWorldAccount(
  ledger: Ledger,
  account: { readonly address: string; readonly currency: string },
): Promise<void> {
  if ((await ledger.accounts.identify(account.address)) !== undefined) return;
  try {
    await ledger.accounts.open(account);
  } catch (error) {
    // Another request was first.
    if (!(error instanceof LedgerError && error.code === 'account_exists')) throw error;
  }
}
