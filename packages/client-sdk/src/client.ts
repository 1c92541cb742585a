import { type Accounts, createAccounts } from './accounts.js';
import { type Api, bodyOf } from './api.js';
import { type ApiKeys, createApiKeys } from './api-keys.js';
import {
  ACCOUNTS,
  API_KEYS,
  AUDIT_LOG,
  AUTH,
  CASH,
  CLIENT,
  CURRENCIES,
  checked,
  EVENTS,
  HOLDS,
  LEDGER,
  NOTIFICATIONS,
  PAYOUTS,
  ROLES,
  SECOND_FACTORS,
  SESSIONS,
  STATEMENTS,
  TRANSFER_REQUESTS,
  TRANSFERS,
  WALLETS,
  WEBHOOK_ENDPOINTS,
  WHOLE,
} from './arguments.js';
import { type AuditLog, createAuditLog } from './audit-log.js';
import { type Auth, createAuth, exchangeRefreshToken, type User } from './auth.js';
import { type CashMovements, createCashMovements } from './cash-movements.js';
import { checkBaseUrl, fieldError } from './checks.js';
import { type Currencies, createCurrencies } from './currencies.js';
import { createEvents, type Events } from './events.js';
import type { components } from './generated/api.js';
import { createHolds, type Holds } from './holds.js';
import { createLedger, type Ledger } from './ledger.js';
import { createNotifications, type Notifications } from './notifications.js';
import { createPayouts, type Payouts } from './payouts.js';
import { checkPlatform, hasStreamingFetch } from './platform.js';
import { createRoles, type Roles } from './roles.js';
import { createRoutes } from './routes.js';
import { createSecondFactors, type SecondFactors } from './second-factors.js';
import { createSession, type OnTokens } from './session.js';
import { createSessions, type Sessions } from './sessions.js';
import { createStatements, type Statements } from './statements.js';
import { createTransferRequests, type TransferRequests } from './transfer-requests.js';
import { createTransfers, type Transfers } from './transfers.js';
import { type CallOptions, createTransport } from './transport.js';
import { readTrialBalance, type TrialBalance } from './trial-balance.js';
import { type AsOf, createWallets, type Wallets } from './wallets.js';
import { createWebhookEndpoints, type WebhookEndpoints } from './webhook-endpoints.js';

export interface ClientOptions {
  /** The server's URL, such as `https://pay.example.com`. */
  readonly baseUrl: string;
  /** Tokens of an earlier session; `auth.register` and `auth.login` set new ones. */
  readonly accessToken?: string;
  readonly refreshToken?: string;
  /** An operator's key, in place of a user's tokens. Not for browsers. */
  readonly apiKey?: string;
  /** Sends a request; the platform's `fetch` by default. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** The time limit of one attempt, including the response body; default 30,000. */
  readonly timeoutMs?: number;
  /** The number of retries after a failed first attempt; default 3, and 0 turns retries off. */
  readonly retriesMax?: number;
  /**
   * Called with each new pair of tokens before they are used, so that you can store them, and with null when the session
   * has ended. A refresh token works once: store the newest. If this function throws, the call fails with its error.
   */
  readonly onTokens?: OnTokens;
}

export type VerifyReport = Readonly<components['schemas']['VerifyReport']>;

/** A typed client of a MicroPay server. Every call that fails throws a `MicroPayError`. */
export interface MicroPayClient {
  readonly auth: Auth;
  /** The current user's sessions. */
  readonly sessions: Sessions;
  /** The current user's second factors, and for operators those of others. */
  readonly secondFactors: SecondFactors;
  readonly wallets: Wallets;
  readonly transfers: Transfers;
  readonly holds: Holds;
  /** Withdrawals that users ask for, and their outcomes. */
  readonly payouts: Payouts;
  /** Transfers to be posted later, and their outcomes. */
  readonly transferRequests: TransferRequests;
  /** Statements of a wallet or an account for a period, in pages or as CSV. */
  readonly statements: Statements;
  readonly ledger: Ledger;
  readonly currencies: Currencies;
  /** Accounts of every kind, for operators. */
  readonly accounts: Accounts;
  /** API keys of operators and services, for operators. */
  readonly apiKeys: ApiKeys;
  /** Acts of operators and support, for operators. */
  readonly auditLog: AuditLog;
  /** URLs that events are sent to, for operators. */
  readonly webhookEndpoints: WebhookEndpoints;
  /** The current user's notifications and preferences. */
  readonly notifications: Notifications;
  /** Users who have a role, for operators. */
  readonly roles: Roles;
  /** Live events. */
  readonly events: Events;
  /** Deposits, by operators. */
  readonly deposits: CashMovements;
  /** Withdrawals, by operators. */
  readonly withdrawals: CashMovements;
  /** The current user. */
  me(options?: CallOptions): Promise<User>;
  /** Operators only: makes the server recompute every balance from the journal, and waits for the result, at most an hour. */
  verify(options?: CallOptions): Promise<VerifyReport>;
  /** Operators only: debits and credits by currency and account type, now or as of an instant. */
  trialBalance(options?: CallOptions & Partial<AsOf>): Promise<TrialBalance>;
}

const TIMEOUT_MS = 30_000;
const VERIFY_TIMEOUT_MS = 3_600_000;
const RETRIES_MAX = 3;

/**
 * Creates a client. It retries calls after network errors, 408, 429 and 5xx, with jitter, and waits as long as
 * `Retry-After` says. A retry that moves money keeps its idempotency key, so the money moves once.
 *
 * @throws {MicroPayError} `platform_unsupported` if the platform lacks something that every call needs
 *
 * @example
 * const client = createClient({ baseUrl: 'https://pay.example.com' });
 * const { wallet } = await client.auth.register({ email: 'alice@example.com', password });
 * await client.transfers.post({ from: wallet.id, to: 'bob@example.com', amount: 1250n, currency: 'USD' });
 */
export function createClient(options: ClientOptions): MicroPayClient {
  const read = CLIENT(options, 'options') as ClientOptions;
  const { baseUrl, fetch = globalThis.fetch, timeoutMs = TIMEOUT_MS, retriesMax = RETRIES_MAX } = read;
  checkPlatform(fetch);
  checkBaseUrl(baseUrl);
  if (read.apiKey !== undefined && (read.accessToken ?? read.refreshToken) !== undefined) {
    throw fieldError('apiKey', "is given in place of a user's tokens: leave one of them out");
  }
  // Called as a plain function: browsers refuse a fetch that is called as a method of another object.
  const transport = createTransport({ fetch: (request) => fetch(request), timeoutMs, retriesMax });
  const session = createSession({ ...read, exchange: (refreshToken) => exchangeRefreshToken(api, refreshToken) });
  const api: Api = {
    routes: createRoutes(baseUrl),
    send: (call) => transport({ ...call, session }),
    sendAnonymously: transport,
  };
  return {
    auth: checked(createAuth(api, session), AUTH),
    sessions: checked(createSessions(api), SESSIONS),
    secondFactors: checked(createSecondFactors(api), SECOND_FACTORS),
    wallets: checked(createWallets(api), WALLETS),
    transfers: checked(createTransfers(api), TRANSFERS),
    holds: checked(createHolds(api), HOLDS),
    payouts: checked(createPayouts(api), PAYOUTS),
    transferRequests: checked(createTransferRequests(api), TRANSFER_REQUESTS),
    statements: checked(createStatements(api), STATEMENTS),
    ledger: checked(createLedger(api), LEDGER),
    currencies: checked(createCurrencies(api), CURRENCIES),
    accounts: checked(createAccounts(api), ACCOUNTS),
    apiKeys: checked(createApiKeys(api), API_KEYS),
    auditLog: checked(createAuditLog(api), AUDIT_LOG),
    notifications: checked(createNotifications(api), NOTIFICATIONS),
    roles: checked(createRoles(api), ROLES),
    webhookEndpoints: checked(createWebhookEndpoints(api), WEBHOOK_ENDPOINTS),
    events: checked(createEvents(api, { canStream: read.fetch !== undefined || hasStreamingFetch() }), EVENTS),
    deposits: checked(createCashMovements(api, '/v1/deposits'), CASH),
    withdrawals: checked(createCashMovements(api, '/v1/withdrawals'), CASH),
    ...checked(whole(api), WHOLE),
  };
}

/** Methods that belong to no resource. */
function whole(api: Api): Pick<MicroPayClient, 'me' | 'verify' | 'trialBalance'> {
  return {
    me: (call) => bodyOf(api.routes.GET('/v1/me', { fetch: api.send({ ...call, repeatable: true }) })),
    trialBalance: (call) => readTrialBalance(api, call),
    async verify(call) {
      const fetch = api.send({ ...call, repeatable: true, timeoutMs: VERIFY_TIMEOUT_MS });
      return bodyOf(api.routes.GET('/v1/verify', { fetch }));
    },
  };
}
