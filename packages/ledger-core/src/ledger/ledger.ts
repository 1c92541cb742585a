import type { PoolConfig } from 'pg';
import type { Candidate, Outcome } from '../domain/decision/decide.js';
import { callback, object, optional, optionalCallback, position, wholeNumber } from '../domain/input/arguments.js';
import { timeZone } from '../domain/input/instant.js';
import { result } from '../domain/json/result.js';
import { checkCurrency, currencyCode } from '../domain/money/currency.js';
import { toDomainEventRow } from '../events/domain-event.js';
import { createSettledEnds } from '../events/settled-end.js';
import { checkSubscription, createEventTail, type EventTail } from '../events/tail.js';
import { asOfIn, checkAsOf } from '../history/as-of.js';
import { advanceCheckpoints, type CheckpointProgress, rebuildCheckpoints } from '../history/checkpoints.js';
import { readTrialBalance, readTrialBalanceAt } from '../history/trial-balance.js';
import { findIdentities } from '../postgres/accounts.js';
import { checkRoom, inSnapshot, inTransaction } from '../postgres/connect.js';
import { getCurrency, registerCurrency } from '../postgres/currencies.js';
import { databaseArgument } from '../postgres/database-argument.js';
import { checkDatabase, readCheckOptions } from '../postgres/database-check.js';
import { countRowsAfter, readEventRange } from '../postgres/event-log.js';
import { writeDomainEvent } from '../postgres/events.js';
import { ledgerName, readTimeZone, writeTimeZone } from '../postgres/ledgers.js';
import { checkSchema } from '../postgres/migrate.js';
import { readJournalPartitions } from '../postgres/partitions.js';
import { readOldestWriter } from '../postgres/position-drawers.js';
import { type LedgerStore, schemaName } from '../postgres/store.js';
import { type SqlExecutor, type Transaction, transactionArgument } from '../postgres/transaction-adapter.js';
import { readBacklog } from '../postgres/transfer-requests.js';
import { type BatchReport, toReportBatch } from '../posting/batch-report.js';
import { type EngineCapacity, engineCapacity } from '../posting/capacity.js';
import { createEngine, type Engine } from '../posting/engine.js';
import { lookUpAll } from '../posting/look-up.js';
import { nameAccounts } from '../posting/name-accounts.js';
import { type ProcessedRequests, processRequests, type RequestProcessing } from '../posting/process-requests.js';
import type { Posting } from '../posting/waiting.js';
import { afterEarlierWork, inSavepoint, postWithin } from '../posting/within.js';
import { endPost } from '../tracing.js';
import type { InSnapshot } from '../verify/progress.js';
import { checkVerifyOptions, verifyLedger } from '../verify/verify.js';
import { createAccounts } from './accounts.js';
import { createExpireOf, createHolds } from './holds.js';
import type { Ledger, LedgerInTransaction, ProcessRequestsOptions } from './ledger-api.js';
import { createContext, type LedgerContext } from './ledger-context.js';
import { createRequests } from './requests.js';
import { createTransferList } from './transfer-list.js';
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
  /**
   * Called once for each batch of the engine, after its requests have been answered. Should it throw, a process warning says
   * so once, and no request fails. Transfers that go another way, in a caller's transaction or as transfer requests, are in
   * no batch.
   */
  readonly onBatch?: (report: BatchReport) => void;
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
  const {
    database,
    schema = 'micropay',
    name = 'main',
    capacity = {},
    onEventFault = warnOfEventFault,
    onBatch,
  } = read;
  const report = onBatch && toReportBatch(onBatch);
  const engine = createEngine({ database, schema, capacity, report });
  const { store, pool, commits } = engine;
  const numberOf = async (ledgerName: string) => (await engine.storeOf(ledgerName)).ledger;
  const tail = createEventTail({ database, store, pool, numberOf, onCommit: commits.listen, onFault: onEventFault });
  return ledgerOf({ engine, tail, findSettledEnd: createSettledEnds() }, name);
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
  onBatch: optionalCallback,
});

/** Shared by all ledgers that are opened from one. */
interface Shared {
  readonly engine: Engine;
  readonly tail: EventTail;
  readonly findSettledEnd: (store: LedgerStore) => Promise<bigint>;
}

function ledgerOf(shared: Shared, name: string): Ledger {
  const { engine, tail, findSettledEnd } = shared;
  const { pool, commits } = engine;
  const context = createContext({
    engine,
    store: () => engine.storeOf(name),
    isCommitted: true,
    snapshot: (work) => inSnapshot(pool, work),
    async change(work) {
      const changed = await inTransaction(pool, work);
      commits.announce();
      return changed;
    },
  });
  const submit: Submit = engine.coalescer.submitAll;
  const accounts = createAccounts(context, createExpireOf(context, submit));
  return {
    name,
    accounts,
    transfers: {
      ...createTransfers(context, submit),
      list: createTransferList(context, { identifyMany: accounts.identifyMany, findSettledEnd }),
    },
    holds: createHolds(context, submit),
    currencies: {
      async register(given) {
        const currency = checkCurrency(given);
        return context.read((own) => registerCurrency(own, currency));
      },
      async get(given) {
        const code = currencyCode(given, 'code');
        return context.read((own) => getCurrency(own, code));
      },
    },
    requests: {
      ...createRequests(context),
      backlog: () => context.read(readBacklog),
      processRequests: async (options = {}) => processRequestsOnce(context, options),
      onSubmit: (listener) => engine.requested.listen(callback(listener, 'listener')),
    },
    within: (transaction) => ledgerWithin(context, transactionArgument(transaction, 'transaction')),
    events: {
      subscribe: async (options = {}) => tail.subscribe(name, checkSubscription(options)),
      fault: () => tail.fault(name),
      range: () => context.read(readEventRange),
      async countAfter(given, max) {
        const [after, countMax] = [position(given, 'after'), rowCount(max, 'countMax')];
        return context.read((own) => countRowsAfter(own, after, countMax));
      },
      oldestWriter: () => context.onSchema(readOldestWriter),
    },
    onCommit: (listener) => commits.listen(callback(listener, 'listener')),
    inLedger(other) {
      return ledgerOf(shared, ledgerName(other, 'name'));
    },
    async trialBalance(asOf) {
      if (asOf === undefined) return context.read(readTrialBalance);
      const { at, by } = await asOfIn(context, checkAsOf(asOf));
      return context.snapshot((own) => readTrialBalanceAt(own, { at, by }));
    },
    timeZone: () => context.read(readTimeZone),
    async setTimeZone(given) {
      const name = timeZone(given, 'timeZone');
      await context.read((own) => writeTimeZone(own, name));
      return name;
    },
    checkpoints: {
      advance: () => withCheckpoints(context, advanceCheckpoints),
      rebuild: () => withCheckpoints(context, rebuildCheckpoints),
    },
    async verify(options = {}) {
      const checked = checkVerifyOptions(options);
      const own = await context.store();
      const inLongSnapshot: InSnapshot = (work) =>
        context.onSchema(() => inTransaction(engine.longReads, (sql) => work({ ...own, sql }), 'repeatable read'));
      return verifyLedger(inLongSnapshot, checked);
    },
    check: () =>
      context.onSchema(async (schema) => {
        await checkSchema(schema);
        await checkRoom(pool);
      }),
    async checkDatabase(options = {}) {
      const { connectionsMin = CONNECTIONS_MIN } = readCheckOptions(options, 'options');
      return context.onSchema(async ({ sql }) => {
        const warnings = await checkDatabase(sql, connectionsMin);
        await engine.connect();
        return warnings;
      });
    },
    partitions: () => context.onSchema(readJournalPartitions),
    engineStatus: () => result(engine.status()),
    async close() {
      await tail.close();
      await engine.close();
    },
  };
}

/** One each for changes, reads, long reads and the log of events. */
const CONNECTIONS_MIN = 4;

function ledgerWithin(outer: LedgerContext, transaction: Transaction): LedgerInTransaction {
  const { engine } = outer;
  const sql: SqlExecutor = {
    executeSql: (text, values) => afterEarlierWork(transaction, () => transaction.executeSql(text, values)),
  };
  const context = createContext({
    engine,
    store: async () => ({ ...(await outer.store()), sql }),
    isCommitted: false,
    snapshot: (work) => inSnapshot(engine.pool, work),
    change: (work) => inSavepoint(transaction, () => work(transaction)),
  });
  const submit: Submit = async (postings) => {
    const reading = await context.store();
    const store = { ...reading, sql: transaction };
    return endingSpans(postings, async () => {
      const outcomes = await postWithin(store, engine.statements, () => resolveWithin(engine, store, postings));
      return nameAccounts(outcomes, identifyWithin(engine, reading));
    });
  };
  const { open, ensure, get, identify, identifyMany, close } = createAccounts(context, createExpireOf(context, submit));
  const { post, postMany, postLinked, reverse, reverseLinked, get: getTransfer } = createTransfers(context, submit);
  const { place, capture, release, get: getHold } = createHolds(context, submit);
  const { submit: submitRequest, submitMany, get: getRequest } = createRequests(context);
  // Not all that these make: the others read from other connections, which do not see what the transaction has changed.
  return {
    accounts: { open, ensure, get, identify, identifyMany, close },
    transfers: { post, postMany, postLinked, reverse, reverseLinked, get: getTransfer },
    holds: { place, capture, release, get: getHold },
    requests: { submit: submitRequest, submitMany, get: getRequest },
    events: {
      async write(definition, event) {
        const row = toDomainEventRow(definition, event);
        await context.change((store) => writeDomainEvent(store, row));
      },
    },
  };
}

const rowCount = wholeNumber(1, 1_000_000);

const PROCESSED_REQUESTS_MAX = 1_000;

const readProcessRequests = object<ProcessRequestsOptions>({
  batchSizeMax: optional(wholeNumber(1, PROCESSED_REQUESTS_MAX)),
  onFault: optionalCallback,
});

async function processRequestsOnce(
  context: LedgerContext,
  options: ProcessRequestsOptions,
): Promise<ProcessedRequests> {
  const { batchSizeMax = 500, onFault = () => undefined } = readProcessRequests(options, 'options');
  const { engine } = context;
  const own = await context.store();
  const run = (sql: Transaction) => {
    const store = { ...own, sql };
    return processRequests(store, processing(store));
  };
  const worked = await context.onSchema(() => inTransaction(engine.pool, run));
  if (worked.posted + worked.refused > 0) engine.commits.announce();
  return worked;

  function processing(store: LedgerStore<Transaction>): RequestProcessing {
    const resolve = (postings: readonly Posting[]) => resolveWithin(engine, store, postings);
    return {
      batchSizeMax,
      lockTimeoutMs: engine.lockTimeoutMs,
      resolve,
      post: (postings) =>
        endingSpans(postings, async () => {
          const outcomes = await postWithin(store, engine.statements, () => resolve(postings));
          return nameAccounts(outcomes, identifyWithin(engine, store));
        }),
      onFault,
    };
  }
}

/** Ends the spans of postings when they have outcomes, or all of them with what failed. */
async function endingSpans(
  postings: readonly Posting[],
  work: () => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  try {
    const outcomes = await work();
    postings.forEach((posting, index) => {
      endPost(posting, outcomes[index] ?? NO_OUTCOME);
    });
    return outcomes;
  } catch (error) {
    for (const posting of postings) endPost(posting, error as Error);
    throw error;
  }
}

const NO_OUTCOME: Outcome = [];

/** Accounts that the caller's transaction opened are visible in it alone, so memory is not added to. */
function identifyWithin({ identities }: Engine, store: LedgerStore) {
  return (references: readonly string[]) =>
    identities.loadUncommitted(store.ledger, references, (missing) => findIdentities(store, missing));
}

async function resolveWithin(
  engine: Engine,
  store: LedgerStore<Transaction>,
  postings: readonly Posting[],
): Promise<readonly Candidate[]> {
  const lookUp = await lookUpAll(postings, identifyWithin(engine, store), store);
  return postings.map(({ toCandidate }) => toCandidate(lookUp));
}

/** On the connection for long work, one run at a time in this process. */
async function withCheckpoints(
  { engine, onSchema, store }: LedgerContext,
  work: typeof advanceCheckpoints,
): Promise<CheckpointProgress> {
  const { ledger } = await store();
  return onSchema(async () => result(await work(engine.longReads, { ...engine.store, ledger })));
}
