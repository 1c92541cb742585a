import type { Account, AccountIdentity, NewLimits, OpenAccount } from '../domain/accounts/account.js';
import type { AggregateLine, AggregateOptions } from '../domain/accounts/aggregate.js';
import type { Audit } from '../domain/input/audit.js';
import type { Page, PageOptions } from '../domain/input/page.js';
import type { Currency } from '../domain/money/currency.js';
import type { CaptureHold, Hold, PlaceHold, ReleaseHold } from '../domain/transfers/hold.js';
import type { LinkedLeg } from '../domain/transfers/leg.js';
import type { ReverseTransfer } from '../domain/transfers/reversal.js';
import type {
  Entry,
  PostedTransfer,
  PostResult,
  PostTransfer,
  RequestOptions,
  Transfer,
} from '../domain/transfers/transfer.js';
import type {
  SubmitResult,
  SubmitTransferRequest,
  SubmittedTransferRequest,
  TransferRequest,
  TransferRequestId,
} from '../domain/transfers/transfer-request.js';
import type { DomainEventDefinition, NewDomainEvent } from '../events/domain-event.js';
import type { EventSubscription, SubscribeOptions } from '../events/tail.js';
import type { AsOf } from '../history/as-of.js';
import type { BalanceAt } from '../history/balance-at.js';
import type { CheckpointProgress } from '../history/checkpoints.js';
import type { Statement, StatementOptions } from '../history/statement.js';
import type { TrialBalance } from '../history/trial-balance.js';
import type { DatabaseCheckOptions, DatabaseWarning } from '../postgres/database-check.js';
import type { EventRange } from '../postgres/event-log.js';
import type { JournalPartitions } from '../postgres/partitions.js';
import type { OldestWriter } from '../postgres/position-drawers.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import type { RequestBacklog } from '../postgres/transfer-requests.js';
import type { EngineStatus } from '../posting/engine-status.js';
import type { ProcessedRequests } from '../posting/process-requests.js';
import type { VerifyReport } from '../verify/report.js';
import type { VerifyOptions } from '../verify/verify.js';
import type { TransferListOptions } from './transfer-list.js';

export type FreezeSide = 'debits' | 'credits' | 'both';

export interface Accounts {
  /**
   * Opens an account with balance zero and writes `account.opened`.
   *
   * @throws {LedgerError} `invalid_address`, `invalid_request`, `unknown_currency`, `account_exists`
   */
  open(request: OpenAccount): Promise<Account>;
  /**
   * Opens an account, or returns the existing account with this address. Limits and metadata of an existing account are
   * not changed.
   *
   * @throws {LedgerError} as `open`; `account_exists` only if the existing account has another type or currency
   */
  ensure(request: OpenAccount): Promise<Account>;
  /**
   * Reads an account and its balance by id or address; locks nothing. A hold whose expiry time has passed is not counted,
   * even if its expiry has not been recorded yet: what is `available` can be spent.
   *
   * @throws {LedgerError} `account_not_found`
   */
  get(reference: string): Promise<Account>;
  /** Returns the immutable part of an account, which is cached in memory; undefined if there is no such account. */
  identify(reference: string): Promise<AccountIdentity | undefined>;
  /** Like `identify` for many ids and addresses, with one query for those that are not cached. */
  identifyMany(references: readonly string[]): Promise<ReadonlyMap<string, AccountIdentity>>;
  /** Lists accounts by address; with `prefix`, only those whose address starts with it. */
  list(options?: PageOptions & { readonly prefix?: string }): Promise<Page<Account>>;
  /**
   * Sums balances by path, currency and type, in order of path, from one snapshot. `aggregate({ path: 'users' })` returns
   * a line for each user and currency; `aggregate({ path: 'users', depth: 1 })` returns one line per currency for all users.
   *
   * @throws {LedgerError} `invalid_address`; `invalid_request`, also if there are more than 10,000 lines
   */
  aggregate(options?: AggregateOptions): Promise<readonly AggregateLine[]>;
  /**
   * Lists the entries of one account, newest first.
   *
   * @throws {LedgerError} `account_not_found`, `invalid_cursor`
   */
  entries(reference: string, options?: PageOptions): Promise<Page<Entry>>;
  /**
   * Returns the balance as of an instant, counting everything recorded or effective up to and including it; zero before the
   * account was opened. A hold counts as pending until its end is recorded. Locks nothing. For an instant close to now the
   * result may still change: a transfer being posted may be recorded with a slightly earlier time.
   *
   * ```ts
   * const { posted } = await ledger.accounts.balanceAt('users:42:usd', { at: '2026-03-31', by: 'effective' });
   * ```
   *
   * @throws {LedgerError} `invalid_request`, `account_not_found`
   */
  balanceAt(
    reference: string,
    asOf: AsOf & { readonly by: 'effective' },
  ): Promise<Extract<BalanceAt, { by: 'effective' }>>;
  balanceAt(
    reference: string,
    asOf: AsOf & { readonly by?: 'recorded' },
  ): Promise<Extract<BalanceAt, { by: 'recorded' }>>;
  balanceAt(reference: string, asOf: AsOf): Promise<BalanceAt>;
  /**
   * Returns an account's statement for a period: opening balance, entries in order and closing balance, which is the
   * opening balance of the next period. Holds do not appear on it.
   *
   * ```ts
   * const march = await ledger.accounts.statement('users:42:usd', { from: '2026-03-01', to: '2026-04-01' });
   * for await (const line of statementCsv(march)) file.write(line);
   * ```
   *
   * @throws {LedgerError} `invalid_request`, `invalid_cursor`, `account_not_found`
   */
  statement(reference: string, options: StatementOptions): Promise<Statement>;
  /**
   * Freezes one side of an account or both, under its row lock: new transfers, holds and captures on that side are refused.
   * Writes `account.frozen`. A later call replaces the side. Open holds can still be released, and they still expire.
   *
   * @throws {LedgerError} `account_not_found`, `account_closed`
   */
  freeze(reference: string, options?: Audit & { readonly side?: FreezeSide }): Promise<Account>;
  /**
   * Unfreezes an account; writes `account.unfrozen`.
   *
   * @throws {LedgerError} `account_not_found`, `account_closed`
   */
  unfreeze(reference: string, options?: Audit): Promise<Account>;
  /**
   * Closes an account permanently, under its row lock; its posted and pending amounts must be zero. Writes `account.closed`.
   *
   * @throws {LedgerError} `account_not_found`, `account_not_empty`; `account_busy` if one of its due holds cannot be expired now
   */
  close(reference: string, options?: Audit): Promise<Account>;
  /**
   * Changes the limits of an account under its row lock; writes `account.limits_changed`. Limits that the current balance,
   * including holds, would break are refused.
   *
   * @throws {LedgerError} `account_not_found`, `account_closed`, `limit_broken`; `account_busy` as `close`
   */
  setLimits(reference: string, limits: NewLimits & Audit): Promise<Account>;
}

export interface Transfers {
  /**
   * Posts one transfer: debits `from` and credits `to`. Concurrent calls share database transactions. Locks both balances in
   * ascending order of account id, and writes one journal row, which is also the event. A repetition returns the stored result.
   *
   * @throws {LedgerError} every code except those about managing accounts and about cursors
   */
  post(request: PostTransfer): Promise<PostedTransfer>;
  /** Posts independent transfers in array order. A refused transfer does not affect the others. */
  postMany(requests: readonly PostTransfer[]): Promise<readonly PostResult[]>;
  /**
   * Posts 1 to 100 transfers, holds, captures, releases and reversals in array order, all or none. Limits must hold
   * after every leg.
   *
   * @throws {LedgerError} the refusal of the first leg that cannot be posted, with `details.leg` (from 0). Maximums of the
   * `to` accounts are checked last, so that a group refused for another reason does not reveal them
   */
  postLinked(legs: readonly LinkedLeg[], options?: RequestOptions): Promise<readonly PostedTransfer[]>;
  /**
   * Reverses a transfer or a capture, in full or in part, with a new transfer in the opposite direction. Reversals never sum to
   * more than the original.
   *
   * `allowOverdraft` allows a reversal of money that the payee has already spent: it lowers the payee's minimum permanently,
   * and `loweredMinimums` of the result, or of a dry run, says to what.
   *
   * @throws {LedgerError} `transfer_not_found`, `not_reversible`, `effective_before_original`,
   * `reversal_exceeds_transfer`, and as `post`; `insufficient_funds` if the payee has spent the money, without `allowOverdraft`
   */
  reverse(id: string, options?: ReverseTransfer): Promise<PostedTransfer>;
  /**
   * Reverses a whole linked group, last leg first, all or none. Reverses what earlier reversals left of each leg.
   *
   * @throws {LedgerError} as `reverse`, with `details.leg`
   */
  reverseLinked(groupId: string, options?: Omit<ReverseTransfer, 'amount' | 'id'>): Promise<readonly PostedTransfer[]>;
  /** @throws {LedgerError} `transfer_not_found` */
  get(id: string): Promise<Transfer>;
  /**
   * Lists the transfers that meet a filter, newest first: those between accounts, those of a reference, of an idempotency key or of a
   * group, or all of the ledger. What else the filter says narrows these further. A page may have fewer transfers than its
   * limit, or none, and still a next one: it looks at a bounded number of rows. Every transfer that was committed before the first page
   * appears once, whatever is posted meanwhile. Oldest first, no page passes over a transfer that is being posted, and a list of more
   * than one account ends with what was committed before its first page.
   *
   * ```ts
   * const march = { account: 'users:42:usd', recordedFrom: '2026-03-01', recordedTo: '2026-04-01' };
   * const { data, nextCursor } = await ledger.transfers.list({ ...march, kinds: ['transfer'] });
   * ```
   *
   * @throws {LedgerError} `invalid_period`, `account_not_found`, `invalid_cursor`, `filter_too_broad` with `details.add`; oldest first also
   * `transaction_conflict` if a transaction that has written transfers stays open
   */
  list(options?: TransferListOptions): Promise<Page<Transfer>>;
  /**
   * Returns the legs of a linked group, in order.
   *
   * @throws {LedgerError} `transfer_not_found`
   */
  getLinked(groupId: string): Promise<readonly Transfer[]>;
  /**
   * Lists the reversals of a transfer, oldest first.
   *
   * @throws {LedgerError} `transfer_not_found`, `invalid_cursor`
   */
  reversals(id: string, options?: PageOptions): Promise<Page<Transfer>>;
}

/**
 * Money set aside for a payee. A hold is open until it is captured, in one or several parts, released or expired; it ends
 * only once. The held amount counts towards the limits of both accounts from the start.
 */
export interface Holds {
  /**
   * Reserves an amount: it is pending on both accounts, and the payer can no longer spend it. Locks and replays like `post`.
   *
   * @throws {LedgerError} as `post`, and `expiry_in_past`
   */
  place(request: PlaceHold): Promise<Hold & { readonly replayed: boolean }>;
  /**
   * Captures a hold, in full or in part, which moves the money to the payee. With `final`, the rest is released.
   *
   * @throws {LedgerError} `hold_not_found`, `hold_closed` with `details.state`, `effective_before_original`,
   * `account_frozen`, `capture_exceeds_hold`
   */
  capture(hold: string, options?: CaptureHold): Promise<PostedTransfer>;
  /**
   * Releases what is still held. Works on frozen accounts too.
   *
   * @throws {LedgerError} `hold_not_found`, `hold_closed` with `details.state`
   */
  release(hold: string, options?: ReleaseHold): Promise<PostedTransfer>;
  /** @throws {LedgerError} `hold_not_found` */
  get(id: string): Promise<Hold>;
  /**
   * Lists the holds of one account, as payer or payee, newest first.
   *
   * @throws {LedgerError} `account_not_found`, `invalid_cursor`
   */
  list(reference: string, options?: PageOptions & { readonly openOnly?: boolean }): Promise<Page<Hold>>;
  /**
   * Records the expiry of every hold of this ledger whose expiry time has passed, and returns how many it recorded. Any
   * process may call it at any time. Until then a due hold does not block any money.
   */
  expire(): Promise<number>;
}

export interface Currencies {
  /**
   * Registers your own asset. ISO 4217 currencies need no registration.
   *
   * @throws {LedgerError} `unknown_currency` for a malformed code, `currency_scale_fixed` if the ledger has it with another scale
   */
  register(currency: Currency): Promise<Currency>;
  /** @throws {LedgerError} `unknown_currency` */
  get(code: string): Promise<Currency>;
}

export interface Requests {
  /**
   * Stores a transfer to be posted later by a worker in any process, and writes `transfer.requested`. Submitting the same
   * request with the same key again returns the stored request in its current state. Whether it can be posted is decided
   * once, when a worker processes it. If it was refused, `transfers.post` with its key throws the same refusal.
   *
   * @throws {LedgerError} `invalid_request`, `invalid_amount`, `unknown_currency`, `idempotency_key_reused`
   */
  submit(request: SubmitTransferRequest): Promise<SubmittedTransferRequest>;
  /** Stores many requests in one database transaction, in array order. Malformed ones are refused without affecting the others. */
  submitMany(requests: readonly SubmitTransferRequest[]): Promise<readonly SubmitResult[]>;
  /** @throws {LedgerError} `transfer_request_not_found` */
  get(id: string): Promise<TransferRequest>;
  /** Returns how many requests are open and the age of the oldest. Both grow while no worker runs or a worker is held up. */
  backlog(): Promise<RequestBacklog>;
  /**
   * Processes the oldest open requests. One database transaction posts the transfers and writes the outcomes and the events
   * `transfer.posted` and `transfer.refused`. Skips requests that another call is processing, and leaves requests whose
   * accounts are locked for later. Returns the number of requests by outcome: if all numbers are zero, no request was left to
   * process. `createRequestWorker` calls it in a loop.
   *
   * @throws {LedgerError} `database_unavailable`, `transaction_conflict`, `outcome_unknown`: call it again
   */
  processRequests(options?: ProcessRequestsOptions): Promise<ProcessedRequests>;
  /** Calls the listener after this process has stored requests, in any ledger of the engine. Returns an unsubscribe function. */
  onSubmit(listener: () => void): () => void;
}

export interface ProcessRequestsOptions {
  /** 1 to 1,000; default 500. */
  readonly batchSizeMax?: number;
  /** Called when a request fails with an unexpected error. The request stays open and is retried after ten seconds. */
  readonly onFault?: (error: unknown, id: TransferRequestId) => void;
}

/** The operations inside a caller's own database transaction; they commit or roll back with it. */
export interface LedgerInTransaction {
  readonly accounts: Pick<Accounts, 'open' | 'ensure' | 'get' | 'identify' | 'identifyMany' | 'close'>;
  readonly transfers: Pick<Transfers, 'post' | 'postMany' | 'postLinked' | 'reverse' | 'reverseLinked' | 'get'>;
  readonly holds: Pick<Holds, 'place' | 'capture' | 'release' | 'get'>;
  readonly requests: Pick<Requests, 'submit' | 'submitMany' | 'get'>;
  readonly events: {
    /**
     * Writes a domain event of the application. It is delivered like the ledger's own events once the transaction commits, and
     * never if it does not.
     *
     * ```ts
     * await ledger.within(transaction).events.write(orderPlaced, { subject: orderId, data: { orderId } });
     * ```
     *
     * @throws {LedgerError} `invalid_request` for data that the definition's schema refuses or that exceed 8 KiB
     */
    write<Data>(definition: DomainEventDefinition<Data>, event: NewDomainEvent<Data>): Promise<void>;
  };
}

/** A ledger: accounts that are isolated from every other ledger of the schema. */
export interface Ledger {
  readonly name: string;
  readonly accounts: Accounts;
  readonly transfers: Transfers;
  readonly holds: Holds;
  /** Transfers that are submitted now and posted later. */
  readonly requests: Requests;
  readonly currencies: Currencies;
  /**
   * Runs the same operations inside a READ COMMITTED transaction that the caller opened. They use a savepoint, so a refusal
   * leaves the transaction usable. Row locks last until the caller's transaction ends.
   */
  within(transaction: TransactionAdapter): LedgerInTransaction;
  readonly events: {
    /**
     * Delivers this ledger's events in order, including those of other processes and of callers' own transactions. When the
     * promise resolves, the subscription has started: every event committed after that is delivered. To resume without a gap,
     * pass the position of the last event you have seen as `after`. A slow subscriber does not hold up others, and still
     * receives every event. If events are deleted before it has read them, the iteration throws `events_gone` and delivers
     * nothing after the gap.
     *
     * ```ts
     * for await (const events of await ledger.events.subscribe({ signal })) {
     *   for (const { type, data } of events) console.log(type, data);
     * }
     * ```
     */
    subscribe(options?: SubscribeOptions): Promise<EventSubscription>;
    /** Returns the range of positions of this ledger that a reader can resume from without missing events. */
    range(): Promise<EventRange>;
    /**
     * Returns how many rows of this ledger's log stand after a position; counting stops at `countMax`, 1 to 1,000,000. The distance
     * between two positions says nothing about it, as other ledgers draw from the same sequence.
     *
     * @throws {LedgerError} `invalid_request`
     */
    countAfter(after: bigint, countMax: number): Promise<number>;
    /**
     * Returns the oldest open transaction that may still commit an event, in any ledger of this database; null if there is
     * none. Readers wait at the gap that it leaves, so this finds callers' transactions that were left open.
     */
    oldestWriter(): Promise<OldestWriter | null>;
    /** The reason why this process cannot follow the ledger's log now, so that its subscriptions wait; undefined if it can. */
    fault(): unknown;
  };
  /**
   * Calls the listener after each commit of this process, in any ledger of the engine. `ledger.onCommit(relay.wake)` makes a
   * relay deliver immediately, without waiting for its next poll. Transactions that callers commit themselves after `within`
   * are not noticed. Returns an unsubscribe function.
   */
  onCommit(listener: () => void): () => void;
  /** Returns another ledger of the same schema, which is created on first use. It shares connections and lanes. */
  inLedger(name: string): Ledger;
  /**
   * Sums debits and credits by currency and account type, from one snapshot: now, or as of an instant. The number of
   * accounts is always the current one.
   *
   * @throws {LedgerError} `invalid_request`
   */
  trialBalance(asOf?: AsOf): Promise<TrialBalance>;
  /** Returns the IANA time zone of the ledger's calendar days; `UTC` until it is set. */
  timeZone(): Promise<string>;
  /**
   * Sets the time zone. Recorded data does not change, but days now begin and end in the new zone. Returns the zone's
   * canonical spelling.
   *
   * @throws {LedgerError} `invalid_request` unless it is the name of an IANA zone
   */
  setTimeZone(timeZone: string): Promise<string>;
  /**
   * Checkpoints are sums of the ledger's journal that make past balances fast. They are derived data: results are the same
   * without them, only slower.
   */
  readonly checkpoints: {
    /**
     * Adds new transfers of this ledger to its checkpoints, in steps of 5,000. Call it every few seconds, from one process or
     * several. It is safe to kill at any time.
     */
    advance(): Promise<CheckpointProgress>;
    /** Recreates the checkpoints of this ledger, in case they are ever in doubt. */
    rebuild(): Promise<CheckpointProgress>;
  };
  /** Recomputes every balance from the journal, in short snapshots, and names the rows that are wrong. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /**
   * Resolves if the database responds, accepts writes, and has a schema that fits this code. After a write has failed because
   * the disk was full, it also checks that there is room again.
   *
   * @throws {LedgerError} `database_unavailable`, `database_misconfigured`, `schema_outdated`, `schema_newer`
   */
  check(): Promise<void>;
  /**
   * Checks the database; call it once when a process starts. Refuses a database that the ledger cannot work with, and
   * returns server settings that make commits less durable, such as `fsync = off`.
   *
   * @throws {LedgerError} `database_misconfigured`, also if the role may open fewer connections than `connectionsMin`; `database_unavailable` if the server accepts no writes
   */
  checkDatabase(options?: DatabaseCheckOptions): Promise<readonly DatabaseWarning[]>;
  /**
   * Returns the partitions of the journal, which all ledgers of the schema share, and how many positions they have left: `maintain`
   * makes more. Any role may ask.
   */
  partitions(): Promise<JournalPartitions>;
  /** The work and the connections of this process's engine at the moment, which all its ledgers share; asks no database. */
  engineStatus(): EngineStatus;
  /** Finishes the calls in progress, then closes the connections, which all ledgers of the engine share. */
  close(): Promise<void>;
}
