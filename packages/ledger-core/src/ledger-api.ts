import type { Account, AccountIdentity, NewLimits, OpenAccount } from './domain/account.js';
import type { AggregateLine, AggregateOptions } from './domain/aggregate.js';
import type { Audit } from './domain/audit.js';
import type { Currency } from './domain/currency.js';
import type { CaptureHold, Hold, PlaceHold, ReleaseHold } from './domain/hold.js';
import type { Moment } from './domain/instant.js';
import type { LinkedLeg } from './domain/leg.js';
import type { ReverseTransfer } from './domain/reversal.js';
import type { Entry, PostedTransfer, PostResult, PostTransfer, RequestOptions, Transfer } from './domain/transfer.js';
import type {
  SubmitResult,
  SubmitTransferRequest,
  SubmittedTransferRequest,
  TransferRequest,
  TransferRequestId,
} from './domain/transfer-request.js';
import type { WorkedOff } from './engine/work-off.js';
import type { Fact } from './events/fact.js';
import type { EventSubscription, SubscribeOptions } from './events/tail.js';
import type { DatabaseCheckOptions, DatabaseWarning } from './postgres/database-check.js';
import type { EventRange } from './postgres/event-log.js';
import type { OldestWriter } from './postgres/position-drawers.js';
import type { TransactionAdapter } from './postgres/transaction-adapter.js';
import type { RequestBacklog } from './postgres/transfer-requests.js';
import type { CheckpointProgress } from './time/checkpoints.js';
import type { VerifyReport } from './verify/report.js';
import type { TrialBalance } from './verify/trial-balance.js';
import type { VerifyOptions } from './verify/verify.js';

/** Newest or first rows and, when there are more, the cursor that continues after them. */
export interface Page<Row> {
  readonly data: readonly Row[];
  /** Opaque; null on the last page. */
  readonly nextCursor: string | null;
}

export interface PageOptions {
  /** 1 to 1,000; default 50. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export type FreezeSide = 'debits' | 'credits' | 'both';

/**
 * Which time counts: when the ledger recorded a transfer, which never changes afterwards, or when it is effective,
 * which later transfers may change for the past.
 */
export type TimeBasis = 'recorded' | 'effective';

/** As of when, and by which time; default `recorded`. */
export interface AsOf {
  /** The last instant that counts; a calendar day counts to its end in the ledger's zone. */
  readonly at: Moment;
  readonly by?: TimeBasis;
}

/** A balance as of an instant; pending amounts are known by recorded time alone. */
export type BalanceAt =
  | {
      readonly at: Date;
      readonly by: 'recorded';
      readonly posted: bigint;
      readonly pendingIn: bigint;
      readonly pendingOut: bigint;
    }
  | { readonly at: Date; readonly by: 'effective'; readonly posted: bigint };

export interface StatementOptions extends PageOptions {
  /** The period begins with this instant, or with the first one of this day in the ledger's zone. */
  readonly from: Moment;
  /** It ends before this instant, or before this day: March is from `2026-03-01` to `2026-04-01`. */
  readonly to: Moment;
  /** Default `recorded`: a statement that never changes once its period is over. */
  readonly by?: TimeBasis;
}

/** An entry that moved posted money, and the balance after it in the order of the statement. */
export interface StatementEntry extends Entry {
  readonly balance: bigint;
}

/** A page of a statement, oldest entries first; opening and closing are of the whole period. */
export interface Statement extends Page<StatementEntry> {
  readonly account: AccountIdentity;
  /** Digits after the decimal point of its currency. */
  readonly scale: number;
  readonly by: TimeBasis;
  readonly from: Date;
  readonly to: Date;
  /** The balance before the period; the closing of the period before. */
  readonly opening: bigint;
  readonly closing: bigint;
  /** The entries of this page and of all after it, read page by page. What is posted meanwhile is not among them. */
  all(): AsyncIterable<StatementEntry>;
}

export interface Accounts {
  /**
   * Opens an account with balance zero and writes `account.opened`.
   *
   * @throws {LedgerError} `invalid_address`, `invalid_request`, `unknown_currency`, `account_exists`
   */
  open(request: OpenAccount): Promise<Account>;
  /**
   * Opens an account unless its address is taken; answers the account that is there. Limits and metadata
   * of an account that is there stay as they are.
   *
   * @throws {LedgerError} as `open`; `account_exists` only when it has another type or currency
   */
  ensure(request: OpenAccount): Promise<Account>;
  /**
   * Reads an account and its balance by id or address; locks nothing. A hold whose time is over is not counted, whether or
   * not its expiry was recorded: what is `available` can be spent.
   *
   * @throws {LedgerError} `account_not_found`
   */
  get(reference: string): Promise<Account>;
  /** What never changes about an account, from memory once read; undefined when there is none. */
  identify(reference: string): Promise<AccountIdentity | undefined>;
  /** The same for many ids and addresses, by one query for those that are not in memory. */
  identifyMany(references: readonly string[]): Promise<ReadonlyMap<string, AccountIdentity>>;
  /** Accounts in order of address, those whose address starts with `prefix` when one is given. */
  list(options?: PageOptions & { readonly prefix?: string }): Promise<Page<Account>>;
  /**
   * The chart of accounts: balances summed by path, currency and type, in order of path, from one snapshot.
   * `aggregate({ path: 'users' })` has a line for each user and currency, and
   * `aggregate({ path: 'users', depth: 1 })` one for all users.
   *
   * @throws {LedgerError} `invalid_address`, `invalid_request`, also for more than 10,000 lines
   */
  aggregate(options?: AggregateOptions): Promise<readonly AggregateLine[]>;
  /**
   * Entries of one account, newest first.
   *
   * @throws {LedgerError} `account_not_found`, `invalid_cursor`
   */
  entries(reference: string, options?: PageOptions): Promise<Page<Entry>>;
  /**
   * The balance as of an instant, of all that was recorded or was effective at it or before; zero before the account was
   * opened. A hold is pending until its end is recorded. Locks nothing. A transfer that is being posted may still be recorded a moment before now.
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
   * An account's statement for a period: opening, entries in order, closing. The closing of one is the opening of the
   * next. Holds are not on it.
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
   * Refuses new transfers, holds and captures on the named side, under the account's row lock; writes
   * `account.frozen`. A later call replaces the side. What is held can still be released and expires.
   *
   * @throws {LedgerError} `account_not_found`, `account_closed`
   */
  freeze(reference: string, options?: Audit & { readonly side?: FreezeSide }): Promise<Account>;
  /**
   * Opens a frozen account again; writes `account.unfrozen`.
   *
   * @throws {LedgerError} `account_not_found`, `account_closed`
   */
  unfreeze(reference: string, options?: Audit): Promise<Account>;
  /**
   * Closes an account for ever, once posted and pending are zero, under its row lock; writes `account.closed`.
   *
   * @throws {LedgerError} `account_not_found`, `account_not_empty`; `account_busy` while a hold of it that is due cannot be ended
   */
  close(reference: string, options?: Audit): Promise<Account>;
  /**
   * Changes the limits of an account under its row lock; writes `account.limits_changed`. They hold from then
   * on: limits that the present balance, holds included, would break are refused.
   *
   * @throws {LedgerError} `account_not_found`, `account_closed`, `limit_broken`; `account_busy` as `close`
   */
  setLimits(reference: string, limits: NewLimits & Audit): Promise<Account>;
}

export interface Transfers {
  /**
   * Posts one transfer: debits `from`, credits `to`. Calls that arrive together share a database
   * transaction. Locks both balances in ascending order of id; writes one journal row, which is also
   * its event.
   *
   * @throws {LedgerError} every code but those of accounts and cursors; the stored result answers a repetition
   */
  post(request: PostTransfer): Promise<PostedTransfer>;
  /** Posts each request on its own, in array order; a refused one never fails its neighbours. */
  postMany(requests: readonly PostTransfer[]): Promise<readonly PostResult[]>;
  /**
   * Posts 1 to 100 transfers, holds, captures, releases and reversals, all or none, in array order. Limits hold
   * after every leg.
   *
   * @throws {LedgerError} the refusal of the first leg that cannot be posted, with `details.leg` (from 0). How much the `to`
   * of each leg may take is judged last: a group that fails for another reason does not tell it
   */
  postLinked(legs: readonly LinkedLeg[], options?: RequestOptions): Promise<readonly PostedTransfer[]>;
  /**
   * Takes a transfer or a capture back, all of it or a part: a transfer the other way. However often it is
   * called, no more is taken back than was moved.
   *
   * @throws {LedgerError} `transfer_not_found`, `not_reversible`, `effective_before_original`,
   * `reversal_exceeds_transfer`, and as `post`; `insufficient_funds` where the money is no longer there, unless `allowOverdraft` is given:
   * that lowers the account's minimum for good, to what `loweredMinimums` of the answer says, also of a dry run
   */
  reverse(id: string, options?: ReverseTransfer): Promise<PostedTransfer>;
  /**
   * Takes a whole linked group back, last leg first, all or nothing: of each leg what is left of it.
   *
   * @throws {LedgerError} as `reverse`, with `details.leg`
   */
  reverseLinked(groupId: string, options?: Omit<ReverseTransfer, 'amount' | 'id'>): Promise<readonly PostedTransfer[]>;
  /** @throws {LedgerError} `transfer_not_found` */
  get(id: string): Promise<Transfer>;
  /**
   * The legs of a linked group, in their order.
   *
   * @throws {LedgerError} `transfer_not_found`
   */
  getLinked(groupId: string): Promise<readonly Transfer[]>;
  /**
   * What has taken a transfer back so far, oldest first.
   *
   * @throws {LedgerError} `transfer_not_found`, `invalid_cursor`
   */
  reversals(id: string, options?: PageOptions): Promise<Page<Transfer>>;
}

/**
 * Money that is set aside. A hold is open until it is captured, in one or several parts, released or expired, and
 * nothing ends twice. What is held counts against the limits of both accounts from the start.
 */
export interface Holds {
  /**
   * Reserves an amount: pending on both sides, no longer available to the payer. Locks and answers like `post`.
   *
   * @throws {LedgerError} as `post`, and `expiry_in_past`
   */
  place(request: PlaceHold): Promise<Hold & { readonly replayed: boolean }>;
  /**
   * Moves what is held, all of it or a part; with `final`, the rest goes back to the payer.
   *
   * @throws {LedgerError} `hold_not_found`, `hold_closed` with `details.state`, `effective_before_original`,
   * `account_frozen`, `capture_exceeds_hold`
   */
  capture(hold: string, options?: CaptureHold): Promise<PostedTransfer>;
  /**
   * Gives back what is held still; on frozen accounts too.
   *
   * @throws {LedgerError} `hold_not_found`, `hold_closed` with `details.state`
   */
  release(hold: string, options?: ReleaseHold): Promise<PostedTransfer>;
  /** @throws {LedgerError} `hold_not_found` */
  get(id: string): Promise<Hold>;
  /**
   * Holds of one account as payer or payee, newest first.
   *
   * @throws {LedgerError} `account_not_found`, `invalid_cursor`
   */
  list(reference: string, options?: PageOptions & { readonly openOnly?: boolean }): Promise<Page<Hold>>;
  /**
   * Writes the expiry of every hold of this ledger whose time is over, and answers how many. Any process may
   * call it, at any time: a hold that is due blocks nothing meanwhile.
   */
  expire(): Promise<number>;
}

export interface Currencies {
  /**
   * Registers an asset of your own; ISO 4217 currencies need no registration.
   *
   * @throws {LedgerError} `unknown_currency` for a malformed code, `currency_scale_fixed` when it is known with another scale
   */
  register(currency: Currency): Promise<Currency>;
  /** @throws {LedgerError} `unknown_currency` */
  get(code: string): Promise<Currency>;
}

export interface Requests {
  /**
   * Stores a transfer to be posted later, by whichever process works requests off, and writes
   * `transfer.requested`. The same request with the same key returns the one that is there, in the state that
   * it has by now. Whether it can be posted is judged when its turn comes, once and for good: `transfers.post` under the
   * key of a refused request answers that refusal.
   *
   * @throws {LedgerError} `invalid_request`, `invalid_amount`, `unknown_currency`, `idempotency_key_reused`
   */
  submit(request: SubmitTransferRequest): Promise<SubmittedTransferRequest>;
  /** Stores all of them in one database transaction, in array order, but for those that are refused by themselves. */
  submitMany(requests: readonly SubmitTransferRequest[]): Promise<readonly SubmitResult[]>;
  /** @throws {LedgerError} `transfer_request_not_found` */
  get(id: string): Promise<TransferRequest>;
  /** How many requests are open, and how old the oldest is: what a worker that is away or held up leaves behind. */
  backlog(): Promise<RequestBacklog>;
  /**
   * Posts the oldest open requests, in one database transaction with their outcomes and what is told of them:
   * `transfer.posted`, or `transfer.refused`. Requests that another call is working off are left to it, and those
   * whose accounts somebody keeps locked are left for later. Answers what became of those it took: nothing
   * is open when all are zero. `createRequestWorker` calls it again and again.
   *
   * @throws {LedgerError} `database_unavailable`, `transaction_conflict`, `outcome_unknown`: call it again
   */
  workOff(options?: WorkOffBatch): Promise<WorkedOff>;
  /** Calls the listener when this process has stored requests, in all ledgers of the engine. Answers how to stop. */
  onSubmit(listener: () => void): () => void;
}

export interface WorkOffBatch {
  /** 1 to 1,000; default 500. */
  readonly batchSizeMax?: number;
  /** Told of a request that met a fault, which is no refusal: it stays open, and is tried again in ten seconds. */
  readonly onFault?: (error: unknown, id: TransferRequestId) => void;
}

/** What a caller's own database transaction can do; everything commits or vanishes with it. */
export interface LedgerInTransaction {
  readonly accounts: Pick<Accounts, 'open' | 'ensure' | 'get' | 'identify' | 'identifyMany'>;
  readonly transfers: Pick<Transfers, 'post' | 'postMany' | 'postLinked' | 'reverse' | 'reverseLinked' | 'get'>;
  readonly holds: Pick<Holds, 'place' | 'capture' | 'release' | 'get'>;
  readonly requests: Pick<Requests, 'submit' | 'submitMany' | 'get'>;
  readonly events: {
    /**
     * Writes a fact of the application as an event.
     *
     * @throws {LedgerError} `invalid_request`
     */
    write(fact: Fact): Promise<void>;
  };
}

/** A book of accounts, isolated from every other ledger of the schema. */
export interface Ledger {
  readonly name: string;
  readonly accounts: Accounts;
  readonly transfers: Transfers;
  readonly holds: Holds;
  /** Transfers that are asked for now and posted later. */
  readonly requests: Requests;
  readonly currencies: Currencies;
  /**
   * The same operations inside a database transaction that the caller opened (READ COMMITTED), in a
   * savepoint: a refusal leaves the transaction usable. Row locks last until the caller ends it.
   */
  within(transaction: TransactionAdapter): LedgerInTransaction;
  readonly events: {
    /**
     * Follows this ledger's events in order, those of callers' own transactions and of other processes too. The
     * subscription has begun when the promise resolves: what is committed from then on is told. With `after`,
     * the position of the last event that was seen, nothing in between is lost. A slow subscriber holds nobody up and
     * is told everything in the end, unless facts are deleted before it comes to them: then the iteration throws
     * `events_gone`, and tells nothing from behind them.
     *
     * ```ts
     * for await (const events of await ledger.events.subscribe({ signal })) {
     *   for (const { type, data } of events) console.log(type, data);
     * }
     * ```
     */
    subscribe(options?: SubscribeOptions): Promise<EventSubscription>;
    /** Between which positions everything can be told, for a reader who comes back. */
    range(): Promise<EventRange>;
    /**
     * The oldest transaction under way that may still write an event, in whatever ledger of this database: readers stop at
     * the gap that it leaves. A caller's own transaction that stays open is found by it.
     */
    oldestWriter(): Promise<OldestWriter | null>;
    /** Why this process cannot follow the log at present, so that its subscriptions wait; undefined while it can. */
    fault(): unknown;
  };
  /**
   * Calls the listener after commits of this process, in all ledgers of the engine, so that a relay need not
   * wait for its next look: `ledger.onCommit(relay.wake)`. What a caller commits after `within` is not
   * seen. Answers how to stop.
   */
  onCommit(listener: () => void): () => void;
  /** Another ledger of the same schema, made on first use; shares connections and lanes. */
  inLedger(name: string): Ledger;
  /**
   * Debits and credits per currency and account type, from one snapshot; now, or as of an instant. The accounts
   * counted are those of now.
   *
   * @throws {LedgerError} `invalid_request`
   */
  trialBalance(asOf?: AsOf): Promise<TrialBalance>;
  /** The IANA zone whose calendar days are the ledger's; `UTC` until it is set. */
  timeZone(): Promise<string>;
  /**
   * Sets the zone; what is recorded stays as it is, and days are told anew. Answers the zone as it is usually written.
   *
   * @throws {LedgerError} `invalid_request` unless it is the name of an IANA zone
   */
  setTimeZone(timeZone: string): Promise<string>;
  /**
   * Sums of the journal of all ledgers of the schema, by which balances as of an instant are quick. They are derived:
   * answers are the same without them, and slower.
   */
  readonly checkpoints: {
    /**
     * Adds what the journal has gained, in steps of 5,000 positions; to be called every few seconds by any process, or
     * by all. May be killed at any time.
     */
    advance(): Promise<CheckpointProgress>;
    /** Makes all of them anew, should they ever be in doubt. */
    rebuild(): Promise<CheckpointProgress>;
  };
  /** Recomputes every balance from the journal, in short snapshots, and names the rows that are wrong. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /**
   * Resolves when the database answers, takes writes, and its schema fits this code. After a write that met a full disk, room is
   * taken and given back.
   *
   * @throws {LedgerError} `database_unavailable`, `database_misconfigured`, `schema_outdated`, `schema_newer`
   */
  check(): Promise<void>;
  /**
   * To be called once, at the start of a process: connects, refuses a database that cannot be worked with, and resolves
   * with the settings of the server that weaken what a commit promises, such as `fsync = off`.
   *
   * @throws {LedgerError} `database_misconfigured` where the role may have fewer connections than `connectionsMin`; `database_unavailable` for a server that takes no writes
   */
  checkDatabase(options?: DatabaseCheckOptions): Promise<readonly DatabaseWarning[]>;
  /** Answers what was accepted, then closes the connections; shared by all ledgers of the engine. */
  close(): Promise<void>;
}
