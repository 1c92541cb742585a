/**
 * The client of the server.
 *
 * @module @micropay/client-sdk
 */
export type {
  Account,
  AccountPageOptions,
  Accounts,
  AggregateLine,
  AggregateOptions,
  Limits,
  OpenAccount,
} from './accounts.js';
export type { ApiKey, ApiKeys, CreateApiKey, IssuedApiKey, Scope } from './api-keys.js';
export type { AuditEntry, AuditLog, AuditLogOptions } from './audit-log.js';
export type { Auth, LoggedIn, LoginChallenge, Registered, Registration, SessionTokens, User } from './auth.js';
export type { CashMovement, CashMovements } from './cash-movements.js';
export { type ClientOptions, createClient, type MicroPayClient, type VerifyReport } from './client.js';
export type { Currencies, Currency } from './currencies.js';
export {
  type ClientErrorCode,
  type FieldError,
  MicroPayError,
  type MicroPayErrorCode,
  type MicroPayErrorOptions,
  type ServerErrorCode,
} from './errors.js';
export type { Events, LiveEvent, LiveEventType, StreamOptions } from './events.js';
export type {
  CaptureHold,
  Hold,
  HoldPageOptions,
  Holds,
  PlacedHold,
  PlaceHold,
  ReleaseHold,
} from './holds.js';
export type { Ledger, LedgerInfo } from './ledger.js';
export type {
  ChangeNotificationPreferences,
  Notification,
  NotificationPage,
  NotificationPageOptions,
  NotificationPreferences,
  Notifications,
  NotifiedMovement,
  ReadNotifications,
} from './notifications.js';
export type { Page, PageOptions } from './paging.js';
export type {
  ChangedPayout,
  Payout,
  PayoutPageOptions,
  PayoutState,
  Payouts,
  RequestPayout,
} from './payouts.js';
export type { PostOptions } from './posting.js';
export type { Role, RoleGrant, Roles } from './roles.js';
export type {
  ConfirmedSecondFactor,
  EnrolledTotp,
  PasskeyOptions,
  SecondFactor,
  SecondFactorList,
  SecondFactors,
} from './second-factors.js';
export type { OnTokens, Tokens } from './session.js';
export type { ActiveSession, Sessions } from './sessions.js';
export type { Statement, StatementPeriod, Statements } from './statements.js';
export type { LoweredMinimum, Metadata, PostedTransfer, PostTransfer, Transfer } from './transfer.js';
export type {
  SubmitTransferRequest,
  SubmittedTransferRequest,
  TransferRequest,
  TransferRequests,
  WaitOptions,
} from './transfer-requests.js';
export type { BatchResult, LinkedLeg, Reversal, TransferListOptions, Transfers } from './transfers.js';
export type { CallOptions } from './transport.js';
export type { TrialBalance } from './trial-balance.js';
export type {
  AsOf,
  ChangeOptions,
  Entry,
  FreezeSide,
  Wallet,
  Wallets,
} from './wallets.js';
export type {
  ChangeWebhookEndpoint,
  CreateWebhookEndpoint,
  IssuedWebhookEndpoint,
  WebhookDelivery,
  WebhookDeliveryOptions,
  WebhookEndpoint,
  WebhookEndpoints,
  WebhookRange,
} from './webhook-endpoints.js';
