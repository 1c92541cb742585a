import { type Ledger, LedgerError, type OpenAccount } from '@micropay/ledger-core';
import { type BankLine, CURRENCY } from './bank-line.js';

/** Opens the accounts that the lines name and that the ledger does not have yet; answers how many were opened now. */
export async function openAccounts(
  ledger: Ledger,
  lines: readonly BankLine[],
  onProgress: (done: number, total: number) => void,
): Promise<number> {
  const accounts = accountsOf(lines);
  let opened = 0;
  for (const [index, account] of accounts.entries()) {
    if (await openUnlessThere(ledger, account)) opened++;
    onProgress(index + 1, accounts.length);
  }
  return opened;
}

export function customerAddress(accountId: string): string {
  return `accounts:${accountId}`;
}

/** Every account of the lines once. None has a minimum: some customers are overdrawn, and the world always is. */
function accountsOf(lines: readonly BankLine[]): readonly OpenAccount[] {
  const accounts = new Map<string, OpenAccount>();
  for (const { accountId, counterparty } of lines) {
    const customer = customerAddress(accountId);
    accounts.set(customer, { address: customer, type: 'liability', currency: CURRENCY, minimum: null });
    const { address, type } = counterparty;
    accounts.set(address, { address, type, currency: CURRENCY, minimum: null });
  }
  return [...accounts.values()];
}

async function openUnlessThere(ledger: Ledger, account: OpenAccount): Promise<boolean> {
  if ((await ledger.accounts.identify(account.address)) !== undefined) return false;
  try {
    await ledger.accounts.open(account);
    return true;
  } catch (error) {
    // The same import runs a second time at the same moment.
    if (error instanceof LedgerError && error.code === 'account_exists') return false;
    throw error;
  }
}
