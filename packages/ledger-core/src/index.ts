/**
 * The ledger. The adapters to other libraries and Kafka have separate entry points.
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
} from './domain/accounts/account.js';
export type { AggregateLine, AggregateOptions } from './domain/accounts/aggregate.js';
export type { Audit } from './domain/input/audit.js';
export type { Moment } from './domain/input/instant.js';
export { checkMetadata, type Metadata } from './domain/input/metadata.js';
export type { Page, PageOptions } from './domain/input/page.js';
export { type JsonValue, parseJson } from './domain/json/json.js';
export { allocate, type Weight } from './domain/money/allocate.js';
export { type Currency, isoScale } from './domain/money/currency.js';
export { parseAmount, toDecimal, toMinorUnits } from './domain/money/money.js';
export { ROUNDINGS, type Rounding } from './domain/money/rounding.js';
export { type Exchange, exchange } from './domain/transfers/exchange.js';
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
} from './domain/transfers/hold.js';
export type { LinkedLeg } from './domain/transfers/leg.js';
export { isReversible, type ReversalLeg, type ReverseTransfer } from './domain/transfers/reversal.js';
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
} from './domain/transfers/transfer.js';
export type { ListOrder, TransferFilter } from './domain/transfers/transfer-filter.js';
export type {
  RequestedMovement,
  StoredRefusal,
  SubmitResult,
  SubmitTransferRequest,
  SubmittedTransferRequest,
  TransferRequest,
  TransferRequestId,
  TransferRequestState,
} from './domain/transfers/transfer-request.js';
export {
  type ErrorDetails,
  InvariantError,
  LEDGER_ERROR_CODES,
  LedgerError,
  type LedgerErrorCode,
} from './errors.js';
export {
  type CatalogueEvent,
  type DomainEvent,
  EVENT_DATA,
  type EventData,
  type EventType,
  type LedgerEvent,
} from './events/catalogue.js';
export {
  type DomainEventDefinition,
  defineDomainEvent,
  isCatalogueEvent,
  isDomainEvent,
  type NewDomainEvent,
} from './events/domain-event.js';
export { type HandleOnceOptions, handleOnce, inboxTable } from './events/handle-once.js';
export { createInProcessPublisher } from './events/in-process.js';
export { type EventPublisher, MisconfiguredSinkError } from './events/publisher.js';
export { deleteDeliveredEvents, type RetentionOptions } from './events/retention.js';
export type { EventSubscription, SubscribeOptions } from './events/tail.js';
export type { AsOf, TimeBasis } from './history/as-of.js';
export type { BalanceAt } from './history/balance-at.js';
export type { CheckpointProgress } from './history/checkpoints.js';
export type { Statement, StatementEntry, StatementOptions } from './history/statement.js';
export { statementCamt053 } from './history/statement-camt.js';
export { statementCsv, statementJson } from './history/statement-formats.js';
export type { TrialBalance, TrialBalanceLine } from './history/trial-balance.js';
export { eventTopics } from './kafka/cloudevent.js';
export { createLedger, type LedgerOptions } from './ledger/ledger.js';
export type {
  Accounts,
  Currencies,
  FreezeSide,
  Holds,
  Ledger,
  LedgerInTransaction,
  ProcessRequestsOptions,
  Requests,
  Transfers,
} from './ledger/ledger-api.js';
export type { TransferListOptions } from './ledger/transfer-list.js';
export type { DatabaseCheckOptions, DatabaseWarning } from './postgres/database-check.js';
export type { LedgerLag } from './postgres/event-cursors.js';
export type { EventRange } from './postgres/event-log.js';
export { type MaintainOptions, type MaintainReport, maintain } from './postgres/maintain.js';
export {
  applyMigrations,
  type MigrateOptions,
  type Migration,
  migrate,
  type PendingMigration,
  planMigrations,
} from './postgres/migrate.js';
export type { LockMode, MigrationLock, MigrationPhase, MigrationPlan } from './postgres/migration-plan.js';
export type { JournalPartition, JournalPartitions } from './postgres/partitions.js';
export type { OldestWriter } from './postgres/position-drawers.js';
export type { TransactionAdapter } from './postgres/transaction-adapter.js';
export type { RequestBacklog } from './postgres/transfer-requests.js';
export type { BatchReport } from './posting/batch-report.js';
export type { EngineCapacity } from './posting/capacity.js';
export type { Connections, EngineStatus } from './posting/engine-status.js';
export type { ProcessedRequests } from './posting/process-requests.js';
export type { VerifyProgress } from './verify/progress.js';
export type { VerifyProblem, VerifyReport } from './verify/report.js';
export type { VerifyOptions } from './verify/verify.js';
export { createRelay, type Relay, type RelayOptions, type RelayStatus } from './workers/relay.js';
export { createRequestWorker, type RequestWorker, type RequestWorkerOptions } from './workers/request-worker.js';
