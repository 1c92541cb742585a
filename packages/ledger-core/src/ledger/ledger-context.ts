import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import type { Engine } from '../posting/engine.js';

/** One ledger as its parts see it: where its rows are and how a change of them is made. */
export interface LedgerContext {
  readonly engine: Engine;
  /** The ledger's number in every key. */
  readonly number: () => Promise<number>;
  /** Where reads go. */
  readonly reads: TransactionAdapter;
  /** Runs work that commits or vanishes as a whole. */
  readonly change: <Result>(work: (transaction: TransactionAdapter) => Promise<Result>) => Promise<Result>;
  /** False inside a caller's transaction: what it opened may still vanish. */
  readonly isCommitted: boolean;
}
