import type { Pool, PoolConfig } from 'pg';
import type { Candidate } from '../domain/decision/decide.js';
import { callback, object, optional, optionalCallback, wholeNumber } from '../domain/input/arguments.js';
import { timeZone } from '../domain/input/instant.js';
import { result } from '../domain/json/result.js';
import { checkCurrency, currencyCode } from '../domain/money/currency.js';
import { checkDomainEvent } from '../events/domain-event.js';
import { checkSubscription, createEventTail, type EventTail } from '../events/tail.js';
import { asOfIn, checkAsOf } from '../history/as-of.js';
import { advanceCheckpoints, type CheckpointProgress, rebuildCheckpoints } from '../history/checkpoints.js';
import { readTrialBalance, readTrialBalanceAt } from '../history/trial-balance.js';
import { checkRoom, fromPool, inSnapshot, inTransaction } from '../postgres/connect.js';
import { getCurrency, registerCurrency } from '../postgres/currencies.js';
import { databaseArgument } from '../postgres/database-argument.js';
import { checkDatabase, readCheckOptions } from '../postgres/database-check.js';
import { readEventRange } from '../postgres/event-log.js';
import { writeFirstEvent } from '../postgres/events.js';
import { ledgerName, readTimeZone, writeTimeZone } from '../postgres/ledgers.js';
import { checkSchema } from '../postgres/migrate.js';
import { readOldestWriter } from '../postgres/position-drawers.js';
import { fail } from '../postgres/sql-errors.js';
import { schemaName } from '../postgres/store.js';
import { type TransactionAdapter, transactionArgument } from '../postgres/transaction-adapter.js';
import { readBacklog } from '../postgres/transfer-requests.js';
import { type EngineCapacity, engineCapacity } from '../posting/capacity.js';
import { createEngine, type Engine } from '../posting/engine.js';
import { lookUpAll } from '../posting/look-up.js';
import { nameAccounts } from '../posting/name-accounts.js';
import { type ProcessedRequests, processRequests, type RequestProcessing } from '../posting/process-requests.js';
import type { Posting } from '../posting/waiting.js';
import { inSavepoint, inTurn, postWithin } from '../posting/within.js';
import type { InSnapshot } from '../verify/progress.js';
import { checkVerifyOptions, verifyLedger } from '../verify/verify.js';
import { createAccounts } from './accounts.js';
import { createExpireOf, createHolds } from './holds.js';
import type { Ledger, LedgerInTransaction, ProcessRequestsOptions } from './ledger-api.js';
import type { LedgerContext } from './ledger-context.js';
import { createRequests } from './requests.js';
import { createTransfers, type Submit } from './transfers.js';

export interface LedgerOptions {
  /** Connection string or `pg` settings of a direct connection: prepared statements stay on it. */
  readonly database: string | PoolConfig;
  /** PostgreSQL schema of the tables; default `micropay`. */
  readonly schema?: string;
  /** The ledger's name; the ledger is created on first use. Default `main`. */
  readonly name?: string;
  readonly capacity?: Partial<EngineCapacity>;
  /**
   * Called when the log of events cannot be followed, for example with `event_unreadable` or `database_unavailable`; once per
   * reason until it has passed. Meanwhile subscriptions wait and the ledger retries. Default: a process warning on standard
   * error.
   */
  readonly onEventFault?: (fault: unknown) => void;
}

/**
 * Opens a ledger. It connects on the first call. Run `migrate` before, which creates the tables.
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
 * @throws {LedgerError} `invalid_request` for a malformed ledger name or capacity
 */
export function createLedger(options: LedgerOptions): Ledger {
  const read = readOptions(options, 'options');
  const { database, schema = 'micropay', name = 'main', capacity = {}, onEventFault = warnOfEventFault } = read;
  const engine = createEngine({ database, schema, capacity });
  const { store, pool, commits } = engine;
  const tail = createEventTail({ database, store, pool, onCommit: commits.listen, onFault: onEventFault });
  return ledgerOf(engine, tail, name);
}

function warnOfEventFault(fault: unknown): void {
  process.emitWarning(`events cannot be followed, and subscriptions wait: ${fault}`, 'LedgerWarning');
}

const readOptions = object<LedgerOptions>({
  database: databaseArgument,
  schema: optional(schemaName),
  name: optional(ledgerName),
  capacity: optional(engineCapacity),
  onEventFault: optionalCallback,
});

function ledgerOf(engine: Engine, tail: EventTail, name: string): Ledger {
  const { store, pool, commits } = engine;
  const reads = fromPool(pool);
  const context: LedgerContext = {
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
  const submit: Submit = engine.coalescer.submitAll;
  return {
    name,
    accounts: createAccounts(context, createExpireOf(context, submit)),
    transfers: createTransfers(context, submit),
    holds: createHolds(context, submit),
    currencies: {
      async register(given) {
        const currency = checkCurrency(given);
        return registerCurrency(reads, store, await context.number(), currency).catch(fail);
      },
      async get(given) {
        const code = currencyCode(given, 'code');
        return getCurrency(reads, store, await context.number(), code).catch(fail);
      },
    },
    requests: {
      ...createRequests(context),
      backlog: async () => readBacklog(reads, store, await context.number()).catch(fail),
      processRequests: async (options = {}) => processRequestsOnce(context, pool, options),
      onSubmit: (listener) => engine.requested.listen(callback(listener, 'listener')),
    },
    within: (transaction) => ledgerWithin(context, transactionArgument(transaction, 'transaction')),
    events: {
      subscribe: async (options = {}) => tail.subscribe(name, checkSubscription(options)),
      fault: tail.fault,
      range: async () => readEventRange(reads, store).catch(fail),
      oldestWriter: async () => readOldestWriter(reads, store).catch(fail),
    },
    onCommit: (listener) => commits.listen(callback(listener, 'listener')),
    inLedger(other) {
      return ledgerOf(engine, tail, ledgerName(other, 'name'));
    },
    async trialBalance(asOf) {
      if (asOf === undefined) return readTrialBalance(reads, store, await context.number()).catch(fail);
      const { at, by } = await asOfIn(context, checkAsOf(asOf));
      const ledger = await context.number();
      return inSnapshot(pool, (snapshot) => readTrialBalanceAt(snapshot, store, ledger, { at, by })).catch(fail);
    },
    timeZone: async () => readTimeZone(reads, store, await context.number()).catch(fail),
    async setTimeZone(given) {
      const name = timeZone(given, 'timeZone');
      await writeTimeZone(reads, store, await context.number(), name).catch(fail);
      return name;
    },
    checkpoints: {
      advance: () => withCheckpoints(engine, advanceCheckpoints),
      rebuild: () => withCheckpoints(engine, rebuildCheckpoints),
    },
    async verify(options = {}) {
      const checked = checkVerifyOptions(options);
      const inLongSnapshot: InSnapshot = (work) => inTransaction(engine.longReads, work, 'repeatable read').catch(fail);
      return verifyLedger(inLongSnapshot, store, await context.number(), checked);
    },
    async check() {
      await checkSchema(reads, engine.schema).catch(fail);
      await checkRoom(pool).catch(fail);
    },
    async checkDatabase(options = {}) {
      const { connectionsMin = CONNECTIONS_MIN } = readCheckOptions(options, 'options');
      const warnings = await checkDatabase(reads, connectionsMin).catch(fail);
      await engine.connect().catch(fail);
      return warnings;
    },
    async close() {
      await tail.close();
      await engine.close();
    },
  };
}

/** One each for changes, reads, long reads and the log of events. */
const CONNECTIONS_MIN = 4;

function ledgerWithin(outer: LedgerContext, transaction: TransactionAdapter): LedgerInTransaction {
  const { engine } = outer;
  const context: LedgerContext = {
    engine,
    reads: { executeSql: (text, values) => inTurn(transaction, () => transaction.executeSql(text, values)) },
    number: outer.number,
    isCommitted: false,
    change: (work) => inSavepoint(transaction, () => work(transaction)),
  };
  const submit: Submit = async (postings) => {
    const ledger = await context.number();
    const outcomes = await postWithin(transaction, engine.statements, ledger, () =>
      resolveWithin(engine, transaction, ledger, postings),
    );
    return nameAccounts(outcomes, identifyWithin(engine, context.reads, ledger));
  };
  return {
    accounts: createAccounts(context, createExpireOf(context, submit)),
    transfers: createTransfers(context, submit),
    holds: createHolds(context, submit),
    events: {
      async write(event) {
        const { type, subject, data } = checkDomainEvent(event);
        const ledger = await context.number();
        await context.change((own) => writeFirstEvent(own, engine.store, ledger, { type, subject, data }));
      },
    },
    requests: createRequests(context),
  };
}

const PROCESSED_REQUESTS_MAX = 1_000;

const readProcessRequests = object<ProcessRequestsOptions>({
  batchSizeMax: optional(wholeNumber(1, PROCESSED_REQUESTS_MAX)),
  onFault: optionalCallback,
});

async function processRequestsOnce(
  context: LedgerContext,
  pool: Pool,
  options: ProcessRequestsOptions,
): Promise<ProcessedRequests> {
  const { batchSizeMax = 500, onFault = () => undefined } = readProcessRequests(options, 'options');
  const ledger = await context.number();
  const run = (transaction: TransactionAdapter) => processRequests(transaction, processing(transaction));
  const worked = await inTransaction(pool, run).catch(fail);
  if (worked.posted + worked.refused > 0) context.engine.commits.announce();
  return worked;

  function processing(transaction: TransactionAdapter): RequestProcessing {
    const { engine } = context;
    const resolve = (postings: readonly Posting[]) => resolveWithin(engine, transaction, ledger, postings);
    return {
      store: engine.store,
      ledger,
      batchSizeMax,
      lockTimeoutMs: engine.lockTimeoutMs,
      resolve,
      post: async (postings) => {
        const outcomes = await postWithin(transaction, engine.statements, ledger, () => resolve(postings));
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
  postings: readonly Posting[],
): Promise<readonly Candidate[]> {
  const { store } = engine;
  const identify = identifyWithin(engine, transaction, ledger);
  const lookUp = await lookUpAll(postings, identify, { transaction, store, ledger });
  return postings.map(({ toCandidate }) => toCandidate(lookUp));
}

/** On the connection for long work, one run at a time in this process. */
async function withCheckpoints(engine: Engine, work: typeof advanceCheckpoints): Promise<CheckpointProgress> {
  await checkSchema(fromPool(engine.pool), engine.schema).catch(fail);
  const connection = {
    statements: fromPool(engine.longReads),
    change: <Result>(change: (transaction: TransactionAdapter) => Promise<Result>) =>
      inTransaction(engine.longReads, change),
  };
  return result(await work(connection, engine.store).catch(fail));
}
