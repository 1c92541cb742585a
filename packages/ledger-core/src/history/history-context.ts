import type { Pool } from 'pg';
import type { Store } from '../postgres/store.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';

/** The part of a ledger from which its past is read. */
export interface HistoryContext {
  readonly engine: { readonly store: Store; readonly pool: Pool };
  /** The ledger's number in every key. */
  readonly number: () => Promise<number>;
  readonly reads: TransactionAdapter;
}
