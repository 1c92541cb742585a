import type { Pool, PoolConfig } from 'pg';
import { createAccounts } from './accounts.js';
import { asOfIn } from './as-of.js';
import type { Book } from './book.js';
import type { Candidate } from './domain/decide.js';
import { checkTimeZone } from './domain/instant.js';
import { createEngine, type Engine } from './engine/engine.js';
import type { EngineLimits } from './engine/limits.js';
import { lookUpAll } from './engine/look-up.js';
import { nameAccounts } from './engine/name-accounts.js';
import type { Submission } from './engine/waiting.js';
import { inSavepoint, inTurn, postWithin } from './engine/within.js';
import { type WorkedOff, type WorkOffOptions, workOff } from './engine/work-off.js';
import { LedgerError } from './errors.js';
import { checkFact } from './events/fact.js';
import { createEventTail, type EventTail } from './events/tail.js';
import { createExpireOf, createHolds } from './holds.js';
import type { Ledger, LedgerInTransaction, WorkOffBatch } from './ledger-api.js';
import { checkRoom, fromPool, inSnapshot, inTransaction } from './postgres/connect.js';
import { getCurrency, registerCurrency } from './postgres/currencies.js';
import { readEventRange } from './postgres/event-log.js';
import { writeFirstEvent } from './postgres/events.js';
import { checkLedgerName, readTimeZone, writeTimeZone } from './postgres/ledgers.js';
import { checkSchema } from './postgres/migrate.js';
import { readOldestWriter } from './postgres/position-drawers.js';
import { fail } from './postgres/sql-errors.js';
import type { TransactionAdapter } from './postgres/transaction-adapter.js';
import { readBacklog } from './postgres/transfer-requests.js';
import { createRequests } from './requests.js';
import { advanceCheckpoints, type CheckpointProgress, rebuildCheckpoints } from './time/checkpoints.js';
import { createTransfers, type Submit } from './transfers.js';
import { readTrialBalance, readTrialBalanceAt } from './verify/trial-balance.js';
import { verifyLedger } from './verify/verify.js';

export interface LedgerOptions {
  /** Connection string or `pg` settings of a direct connection: prepared statements stay on it. */
  readonly database: string | PoolConfig;
  /** PostgreSQL schema of the tables; default `micropay`. */
  readonly schema?: string;
  /** The ledger's name; made on first use; default `main`. */
  readonly name?: string;
  readonly limits?: Partial<EngineLimits>;
  /**
   * Told why the log of events cannot be followed, `event_unreadable` or `database_unavailable` for one: once for each
   * reason until it has passed. Subscriptions wait meanwhile, and the ledger tries again by itself.
   */
  readonly onEventFault?: (fault: unknown) => void;
}

/**
 * Opens a ledger. Nothing connects until the first call; `migrate` has made the tables before.
 *
 * ```ts
 * await migrate({ database: url });
 * const ledger = createLedger({ database: url });
 * await ledger.accounts.open({ address: 'world:usd', currency: 'USD' });
 * await ledger.accounts.open({ address: 'users:42:usd', currency: 'USD' });
 * await ledger.transfers.post({
 *   from: 'world:usd', to: 'users:42:usd', amount: 1250n, currency: 'USD', idempotencyKey: 'deposit-1',
 * });
 * await ledger.close();
 * ```
 *
 * @throws {LedgerError} `invalid_request` for a malformed ledger name or limit
 */
export function createLedger(options: LedgerOptions): Ledger {
  const { database, schema = 'micropay', name = 'main', limits = {}, onEventFault = () => undefined } = options;
  checkLedgerName(name);
  const engine = createEngine({ database, schema, limits });
  const { store, pool, commits } = engine;
  const tail = createEventTail({ database, store, pool, onCommit: commits.listen, onFault: onEventFault });
  return ledgerOf(engine, tail, name);
}

function ledgerOf(engine: Engine, tail: EventTail, name: string): Ledger {
  const { store, pool, commits } = engine;
  const reads = fromPool(pool);
  const book: Book = {
    engine,
    reads,
    number: () => engine.numberOf(name),
    isCommitted: true,
    async change(work) {
      const result = await inTransaction(pool, work).catch(fail);
      commits.announce();
      return result;
    },
  };
  const submit: Submit = async (submissions) =>
    nameAccounts(await engine.coalescer.submitAll(submissions), async (ids) =>
      engine.identities.load(await book.number(), ids, async (missing) =>
        engine.findIdentities(reads, await book.number(), missing),
      ),
    );
  return {
    name,
    accounts: createAccounts(book, createExpireOf(book, submit)),
    transfers: createTransfers(book, submit),
    holds: createHolds(book, submit),
    currencies: {
      register: async (currency) => registerCurrency(reads, store, await book.number(), currency).catch(fail),
      get: async (code) => getCurrency(reads, store, await book.number(), code).catch(fail),
    },
    requests: {
      ...createRequests(book),
      backlog: async () => readBacklog(reads, store, await book.number()).catch(fail),
      workOff: (options = {}) => workOffOnce(book, pool, options),
      onSubmit: (listener) => engine.requested.listen(listener),
    },
    within: (transaction) => ledgerWithin(book, transaction),
    events: {
      subscribe: (options = {}) => tail.subscribe(name, options),
      fault: tail.fault,
      range: () => readEventRange(reads, store).catch(fail),
      oldestWriter: () => readOldestWriter(reads, store).catch(fail),
    },
    onCommit: (listener) => commits.listen(listener),
    inLedger(other) {
      checkLedgerName(other);
      return ledgerOf(engine, tail, other);
    },
    async trialBalance(asOf) {
      if (asOf === undefined) return readTrialBalance(reads, store, await book.number()).catch(fail);
      const { at, by } = await asOfIn(book, asOf);
      const ledger = await book.number();
      return inSnapshot(pool, (snapshot) => readTrialBalanceAt(snapshot, store, ledger, { at, by })).catch(fail);
    },
    timeZone: async () => readTimeZone(reads, store, await book.number()).catch(fail),
    async setTimeZone(given) {
      const timeZone = checkTimeZone(given);
      await writeTimeZone(reads, store, await book.number(), timeZone).catch(fail);
      return timeZone;
    },
    checkpoints: {
      advance: () => withCheckpoints(engine, advanceCheckpoints),
      rebuild: () => withCheckpoints(engine, rebuildCheckpoints),
    },
    verify: async (options) =>
      verifyLedger(
        (work) => inTransaction(engine.longReads, work, 'repeatable read').catch(fail),
        store,
        await book.number(),
        options,
      ),
    async check() {
      await checkSchema(reads, engine.schema).catch(fail);
      await checkRoom(pool).catch(fail);
    },
    async close() {
      await tail.close();
      await engine.close();
    },
  };
}

function ledgerWithin(outer: Book, transaction: TransactionAdapter): LedgerInTransaction {
  const { engine } = outer;
  const book: Book = {
    engine,
    reads: { executeSql: (text, values) => inTurn(transaction, () => transaction.executeSql(text, values)) },
    number: outer.number,
    isCommitted: false,
    change: (work) => inSavepoint(transaction, () => work(transaction)),
  };
  const submit: Submit = async (submissions) => {
    const ledger = await book.number();
    const outcomes = await postWithin(transaction, engine.statements, ledger, () =>
      resolveWithin(engine, transaction, ledger, submissions),
    );
    return nameAccounts(outcomes, identifyWithin(engine, book.reads, ledger));
  };
  return {
    accounts: createAccounts(book, createExpireOf(book, submit)),
    transfers: createTransfers(book, submit),
    holds: createHolds(book, submit),
    events: {
      async write({ type, subject, data }) {
        checkFact(type, subject, data);
        const ledger = await book.number();
        await book.change((own) => writeFirstEvent(own, engine.store, ledger, { type, subject, data }));
      },
    },
    requests: createRequests(book),
  };
}

const WORK_OFF_BATCH_MAX = 1_000;

async function workOffOnce(book: Book, pool: Pool, options: WorkOffBatch): Promise<WorkedOff> {
  const { batchSizeMax = 500, onFault = () => undefined } = options;
  if (!Number.isInteger(batchSizeMax) || batchSizeMax < 1 || batchSizeMax > WORK_OFF_BATCH_MAX) {
    throw new LedgerError('invalid_request', `batchSizeMax must be a whole number from 1 to ${WORK_OFF_BATCH_MAX}`);
  }
  const ledger = await book.number();
  const run = (transaction: TransactionAdapter) => workOff(transaction, road(transaction));
  const worked = await inTransaction(pool, run).catch(fail);
  if (worked.posted + worked.refused > 0) book.engine.commits.announce();
  return worked;

  function road(transaction: TransactionAdapter): WorkOffOptions {
    const { engine } = book;
    const resolve = (submissions: readonly Submission[]) => resolveWithin(engine, transaction, ledger, submissions);
    return {
      store: engine.store,
      ledger,
      batchSizeMax,
      lockTimeoutMs: engine.lockTimeoutMs,
      resolve,
      post: async (submissions) => {
        const outcomes = await postWithin(transaction, engine.statements, ledger, () => resolve(submissions));
        return nameAccounts(outcomes, identifyWithin(engine, transaction, ledger));
      },
      onFault,
    };
  }
}

/** Accounts that the caller's transaction opened are visible in it alone, so memory is not added to. */
function identifyWithin({ identities, findIdentities }: Engine, transaction: TransactionAdapter, ledger: number) {
  return (references: readonly string[]) =>
    identities.loadUncommitted(ledger, references, (missing) => findIdentities(transaction, ledger, missing));
}

async function resolveWithin(
  engine: Engine,
  transaction: TransactionAdapter,
  ledger: number,
  submissions: readonly Submission[],
): Promise<readonly Candidate[]> {
  const { store } = engine;
  const identify = identifyWithin(engine, transaction, ledger);
  const lookUp = await lookUpAll(submissions, identify, { transaction, store, ledger });
  return submissions.map(({ toCandidate }) => toCandidate(lookUp));
}

/** On the connection for long work, one run at a time in this process. */
async function withCheckpoints(engine: Engine, work: typeof advanceCheckpoints): Promise<CheckpointProgress> {
  await checkSchema(fromPool(engine.pool), engine.schema).catch(fail);
  const connection = {
    statements: fromPool(engine.longReads),
    change: <Result>(change: (transaction: TransactionAdapter) => Promise<Result>) =>
      inTransaction(engine.longReads, change),
  };
  return work(connection, engine.store).catch(fail);
}
