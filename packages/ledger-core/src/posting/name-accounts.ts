import { refusedAccount, withAddress } from '../domain/accounts/account-refusal.js';
import { LedgerError } from '../errors.js';
import type { IdentityOf } from './identities.js';

/**
 * The same outcomes, whose refusals name accounts by their addresses: the engine itself works with ids alone. What is
 * decided is committed by now, so where no address can be had the ids stay.
 */
export async function nameAccounts<Answered>(
  outcomes: readonly Answered[],
  identify: (ids: readonly string[]) => Promise<IdentityOf>,
): Promise<readonly (Answered | LedgerError)[]> {
  const ids = outcomes.flatMap((outcome) => (outcome instanceof LedgerError ? (refusedAccount(outcome) ?? []) : []));
  if (ids.length === 0) return outcomes;
  const identityOf = await identify(ids).catch(() => undefined);
  return outcomes.map((outcome) => {
    if (!(outcome instanceof LedgerError)) return outcome;
    const address = identityOf?.(refusedAccount(outcome) ?? '')?.address;
    return address === undefined ? outcome : withAddress(outcome, address);
  });
}
