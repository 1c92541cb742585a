import type { HistoryContext } from '../history/history-context.js';
import { fail } from '../postgres/sql-errors.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import type { Engine } from '../posting/engine.js';

/** One ledger as its parts see it: its rows, and the ways to read and change them. */
export interface LedgerContext extends HistoryContext {
  readonly engine: Engine;
  /** The ledger's rows for reading. The ledger is made when it is new. */
  store(): Promise<LedgerStore>;
  /** Runs work that commits or vanishes as a whole. */
  change<Result>(work: (store: LedgerStore<Transaction>) => Promise<Result>): Promise<Result>;
  /** False inside a caller's transaction: accounts that it opened may still vanish. */
  readonly isCommitted: boolean;
}

type InTransaction = <Result>(work: (transaction: Transaction) => Promise<Result>) => Promise<Result>;

interface ContextOptions extends Pick<LedgerContext, 'engine' | 'store' | 'isCommitted'> {
  readonly snapshot: InTransaction;
  readonly change: InTransaction;
}

/** Makes the context of a ledger. What goes wrong in the database becomes a `LedgerError` here, for all that use it. */
export function createContext({ engine, store, isCommitted, snapshot, change }: ContextOptions): LedgerContext {
  return {
    engine,
    store,
    isCommitted,
    read: (work) => store().then(work).catch(fail),
    // The store first: the look-up of a new ledger takes a connection of its own.
    async snapshot(work) {
      const own = await store();
      return snapshot((sql) => work({ ...own, sql })).catch(fail);
    },
    async change(work) {
      const own = await store();
      return change((sql) => work({ ...own, sql })).catch(fail);
    },
  };
}
