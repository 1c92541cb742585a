import type { ContinuedTransfer } from '../domain/transfers/reversal.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import { findContinuedTransfers } from '../postgres/journal.js';
import type { LedgerStore } from '../postgres/store.js';
import type { IdentityOf } from './identities.js';
import type { LookUp, Posting } from './waiting.js';

/** Looks up what postings name, before anything is locked: none of it ever changes. */
export async function lookUpAll(
  postings: readonly Posting[],
  findAccounts: (references: readonly string[]) => Promise<IdentityOf>,
  store: LedgerStore,
): Promise<LookUp> {
  const references = postings.flatMap((posting) => posting.references);
  const identityOf = await findAccounts(references);
  const originalIds = new Set(postings.flatMap(({ originals }) => originals));
  const originals = new Map<TransferId, ContinuedTransfer>();
  if (originalIds.size > 0) {
    for (const original of await findContinuedTransfers(store, [...originalIds])) originals.set(original.id, original);
  }
  return {
    accountId: (reference) => identityOf(reference)?.id ?? null,
    original: (id) => originals.get(id),
  };
}
