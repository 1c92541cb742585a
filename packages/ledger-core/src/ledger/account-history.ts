import { type AccountIdentity, isDebitNormal } from '../domain/accounts/account.js';
import { result } from '../domain/json/result.js';
import { type AsOf, asOfIn, checkAsOf } from '../history/as-of.js';
import { type BalanceAt, readEffectiveBalance, readRecordedBalance } from '../history/balance-at.js';
import { checkStatementOptions, readStatement } from '../history/statement.js';
import { accountNotFound, checkReference } from '../postgres/accounts.js';
import type { Accounts } from './ledger-api.js';
import type { LedgerContext } from './ledger-context.js';

/** The balance of an account as of an instant. */
export function createAccountHistory(
  context: LedgerContext,
  identify: Accounts['identify'],
): Pick<Accounts, 'balanceAt' | 'statement'> {
  async function known(reference: string): Promise<AccountIdentity> {
    const account = await identify(reference);
    if (account === undefined) throw accountNotFound(reference);
    return account;
  }

  async function balanceAt(given: string, asOf: AsOf): Promise<BalanceAt> {
    const checked = checkAsOf(asOf);
    const reference = checkReference(given);
    const { at, by } = await asOfIn(context, checked);
    const { id: accountId, type } = await known(reference);
    if (by === 'recorded') {
      const balance = await context.read((store) => readRecordedBalance(store, { accountId, at }));
      return result({ at, by, posted: balance.posted, pendingIn: balance.pendingIn, pendingOut: balance.pendingOut });
    }
    const account = { accountId, debitNormal: isDebitNormal(type), at };
    const posted = await context.snapshot((store) => readEffectiveBalance(store, account));
    return result({ at, by, posted });
  }

  return {
    balanceAt: balanceAt as Accounts['balanceAt'],
    async statement(given, options) {
      const checked = checkStatementOptions(options);
      const reference = checkReference(given);
      return readStatement(context, await known(reference), checked);
    },
  };
}
