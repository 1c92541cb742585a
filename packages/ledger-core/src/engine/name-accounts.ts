import { refusedAccount, withAddress } from '../domain/account-refusal.js';
import type { Outcome } from '../domain/decide.js';
import { LedgerError } from '../errors.js';
import type { IdentityOf } from './identities.js';

/** The same outcomes, whose refusals name accounts by their addresses: the engine itself works with ids alone. */
export async function nameAccounts(
  outcomes: readonly Outcome[],
  identify: (ids: readonly string[]) => Promise<IdentityOf>,
): Promise<readonly Outcome[]> {
  const ids = outcomes.flatMap((outcome) => (outcome instanceof LedgerError ? (refusedAccount(outcome) ?? []) : []));
  if (ids.length === 0) return outcomes;
  const identityOf = await identify(ids);
  return outcomes.map((outcome) => {
    if (!(outcome instanceof LedgerError)) return outcome;
    const address = identityOf(refusedAccount(outcome) ?? '')?.address;
    return address === undefined ? outcome : withAddress(outcome, address);
  });
}
