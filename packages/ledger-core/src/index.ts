/**
 * The ledger: everything but the adapters to other libraries and Kafka, which have entry points of their own.
 *
 * @module @micropay/ledger-core
 */
export {
  ACCOUNT_STATUSES,
  ACCOUNT_TYPES,
  type Account,
  type AccountId,
  type AccountIdentity,
  type AccountStatus,
  type AccountType,
  type NewLimits,
  type OpenAccount,
} from './domain/account.js';
export type { AggregateLine, AggregateOptions } from './domain/aggregate.js';
export { allocate, type Weight } from './domain/allocate.js';
export type { Audit } from './domain/audit.js';
export { type Currency, isoScale } from './domain/currency.js';
export { type Exchange, exchange } from './domain/exchange.js';
export {
  type CaptureHold,
  type CaptureLeg,
  HOLD_STATES,
  type Hold,
  type HoldLeg,
  type HoldState,
  type PlaceHold,
  type ReleaseHold,
  type ReleaseLeg,
} from './domain/hold.js';
export type { Moment } from './domain/instant.js';
export { type JsonValue, parseJson } from './domain/json.js';
export type { LinkedLeg } from './domain/leg.js';
export { checkMetadata, type Metadata } from './domain/metadata.js';
export { parseAmount, toDecimal, toMinorUnits } from './domain/money.js';
export { isReversible, type ReversalLeg, type ReverseTransfer } from './domain/reversal.js';
export { ROUNDINGS, type Rounding } from './domain/rounding.js';
export {
  type BalanceAfter,
  type DryRun,
  type Entry,
  LINKED_LEGS_MAX,
  type LoweredMinimum,
  type PostedTransfer,
  type PostResult,
  type PostTransfer,
  type RequestOptions,
  type Transfer,
  type TransferId,
  type TransferKind,
  type TransferLeg,
} from './domain/transfer.js';
export type {
  RequestedMovement,
  StoredRefusal,
  SubmitResult,
  SubmitTransferRequest,
  SubmittedTransferRequest,
  TransferRequest,
  TransferRequestId,
  TransferRequestState,
} from './domain/transfer-request.js';
export type { EngineCapacity } from './engine/capacity.js';
export type { ProcessedRequests } from './engine/process-requests.js';
export {
  type ErrorDetails,
  InvariantError,
  LEDGER_ERROR_CODES,
  LedgerError,
  type LedgerErrorCode,
} from './errors.js';
export { EVENT_DATA, type EventData, type EventType, type LedgerEvent } from './events/catalogue.js';
export { eventTopics } from './events/cloudevent.js';
export { DOMAIN_EVENT_TYPES, type DomainEvent, type DomainEventType } from './events/domain-event.js';
export { type HandleOnceOptions, handleOnce, inboxTable } from './events/handle-once.js';
export { createInProcessPublisher } from './events/in-process.js';
export { type EventPublisher, UnfitSinkError } from './events/publisher.js';
export { createRelay, type Relay, type RelayOptions, type RelayStatus } from './events/relay.js';
export { deleteDeliveredEvents, type RetentionOptions } from './events/retention.js';
export type { EventSubscription, SubscribeOptions } from './events/tail.js';
export { createLedger, type LedgerOptions } from './ledger.js';
export type {
  Accounts,
  AsOf,
  BalanceAt,
  Currencies,
  FreezeSide,
  Holds,
  Ledger,
  LedgerInTransaction,
  Page,
  PageOptions,
  ProcessRequestsOptions,
  Requests,
  Statement,
  StatementEntry,
  StatementOptions,
  TimeBasis,
  Transfers,
} from './ledger-api.js';
export type { DatabaseCheckOptions, DatabaseWarning } from './postgres/database-check.js';
export type { EventLag } from './postgres/event-cursors.js';
export type { EventRange } from './postgres/event-log.js';
export { applyMigrations, type MigrateOptions, type Migration, migrate } from './postgres/migrate.js';
export type { OldestWriter } from './postgres/position-drawers.js';
export type { TransactionAdapter } from './postgres/transaction-adapter.js';
export type { RequestBacklog } from './postgres/transfer-requests.js';
export { createRequestWorker, type RequestWorker, type RequestWorkerOptions } from './request-worker.js';
export { statementCsv, statementJson } from './statement-formats.js';
export type { CheckpointProgress } from './time/checkpoints.js';
export type { VerifyProgress } from './verify/progress.js';

export type { VerifyProblem, VerifyReport } from './verify/report.js';
export type { TrialBalance, TrialBalanceLine } from './verify/trial-balance.js';
export type { VerifyOptions } from './verify/verify.js';
