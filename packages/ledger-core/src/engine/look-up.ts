import type { Origin } from '../domain/reversal.js';
import type { TransferId } from '../domain/transfer.js';
import { findOrigins } from '../postgres/journal.js';
import type { Store } from '../postgres/store.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import type { IdentityOf } from './identities.js';
import type { LookUp, Submission } from './waiting.js';

/** Looks up what submissions name, before anything is locked: none of it ever changes. */
export async function lookUpAll(
  submissions: readonly Submission[],
  findAccounts: (references: readonly string[]) => Promise<IdentityOf>,
  { transaction, store, ledger }: { transaction: TransactionAdapter; store: Store; ledger: number },
): Promise<LookUp> {
  const references = submissions.flatMap((submission) => submission.references);
  const identityOf = await findAccounts(references);
  const originIds = new Set(submissions.flatMap(({ origins }) => origins));
  const origins = new Map<TransferId, Origin>();
  if (originIds.size > 0) {
    for (const origin of await findOrigins(transaction, store, ledger, [...originIds])) origins.set(origin.id, origin);
  }
  return {
    accountId: (reference) => identityOf(reference)?.id ?? null,
    origin: (id) => origins.get(id),
  };
}
