import type { Ledger, OpenAccount } from '@micropay/ledger-core';
import { type BankLine, CURRENCY } from './bank-line.js';

/** Opens the accounts that the lines name, unless an earlier run did. */
export async function openAccounts(
  ledger: Ledger,
  lines: readonly BankLine[],
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const accounts = accountsOf(lines);
  for (const [index, account] of accounts.entries()) {
    await ledger.accounts.ensure(account);
    onProgress(index + 1, accounts.length);
  }
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
