import type { HistoryContext } from '../history/history-context.js';
import { fromPool } from '../postgres/connect.js';
import { fail } from '../postgres/sql-errors.js';
import type { ConnectedStore, LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import type { Engine } from '../posting/engine.js';

/** The rows of a ledger, and the ways to read and change them, for all parts of it. */
export interface LedgerContext extends HistoryContext {
  readonly engine: Engine;
  /** The ledger's rows for reading. Creates the ledger if it does not exist. */
  store(): Promise<LedgerStore>;
  /** Runs work in one transaction, or in a savepoint of the caller's. */
  change<Result>(work: (store: LedgerStore<Transaction>) => Promise<Result>): Promise<Result>;
  /** Runs work on the schema that all its ledgers share. */
  onSchema<Result>(work: (schema: ConnectedStore) => Promise<Result>): Promise<Result>;
  /** False inside a caller's transaction: accounts that it opened may still be rolled back. */
  readonly isCommitted: boolean;
}

type InTransaction = <Result>(work: (transaction: Transaction) => Promise<Result>) => Promise<Result>;

interface ContextOptions extends Pick<LedgerContext, 'engine' | 'store' | 'isCommitted'> {
  readonly snapshot: InTransaction;
  readonly change: InTransaction;
}

/** Makes the context of a ledger. Each function maps errors of PostgreSQL to a `LedgerError`. */
export function createContext({ engine, store, isCommitted, snapshot, change }: ContextOptions): LedgerContext {
  const schema = { ...engine.store, sql: fromPool(engine.pool) };
  return {
    engine,
    store,
    isCommitted,
    onSchema: async (work) => work(schema).catch(fail),
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
