import type { AsOf, Ledger } from '@micropay/ledger-core';

/** The balance as of an instant, by either time, and what was pending then, which is known by recorded time alone. */
export async function readBalanceAt(ledger: Ledger, reference: string, { at: moment, by = 'recorded' }: AsOf) {
  const recorded = await ledger.accounts.balanceAt(reference, { at: moment, by: 'recorded' });
  const { posted } = by === 'recorded' ? recorded : await ledger.accounts.balanceAt(reference, { at: recorded.at, by });
  return {
    at: recorded.at.toISOString(),
    posted: String(posted),
    pendingIn: String(recorded.pendingIn),
    pendingOut: String(recorded.pendingOut),
  };
}
