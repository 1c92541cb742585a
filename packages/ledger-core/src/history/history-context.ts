import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';

/** Access to the rows of one ledger, for reading. What goes wrong in the database is thrown as a `LedgerError`. */
export interface HistoryContext {
  /** Runs reads, each statement for itself. */
  read<Result>(work: (store: LedgerStore) => Promise<Result>): Promise<Result>;
  /** Runs reads in one snapshot. */
  snapshot<Result>(work: (store: LedgerStore<Transaction>) => Promise<Result>): Promise<Result>;
}
