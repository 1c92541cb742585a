import type { AccountPageOptions, Accounts, AggregateOptions, Limits, OpenAccount } from './accounts.js';
import type { ApiKeys, CreateApiKey } from './api-keys.js';
import type { AuditLog, AuditLogOptions } from './audit-log.js';
import type { Auth, Registration } from './auth.js';
import type { CashMovement, CashMovements } from './cash-movements.js';
import { checkMetadata, fieldError, isText } from './checks.js';
import type { ClientOptions, MicroPayClient } from './client.js';
import type { Currencies, Currency } from './currencies.js';
import { MicroPayError } from './errors.js';
import type { Events, StreamOptions } from './events.js';
import type { CaptureHold, HoldPageOptions, Holds, PlaceHold, ReleaseHold } from './holds.js';
import type { Ledger } from './ledger.js';
import type { ChangeNotificationPreferences, NotificationPageOptions, Notifications } from './notifications.js';
import type { PageOptions } from './paging.js';
import type { PayoutPageOptions, Payouts, RequestPayout } from './payouts.js';
import type { PostOptions } from './posting.js';
import type { Roles } from './roles.js';
import type { SecondFactors } from './second-factors.js';
import type { Sessions } from './sessions.js';
import type { Statements } from './statements.js';
import type { PostTransfer } from './transfer.js';
import type { SubmitTransferRequest, TransferRequests, WaitOptions } from './transfer-requests.js';
import type { LinkedLeg, Reversal, TransferListOptions, Transfers } from './transfers.js';
import type { CallOptions } from './transport.js';
import type { AsOf, ChangeOptions, FreezeSide, Wallets } from './wallets.js';
import type {
  ChangeWebhookEndpoint,
  CreateWebhookEndpoint,
  WebhookDeliveryOptions,
  WebhookEndpoints,
  WebhookRange,
} from './webhook-endpoints.js';

/**
 * Reads one argument, or refuses it by its name, in the server's words. It checks only values that the server would never
 * receive, or would receive changed; the server checks the content of strings.
 */
type Check = (value: unknown, path: string) => unknown;

type Members<Given> = { readonly [Name in keyof Required<Given>]: Check };

/** The arguments of each method, by their names and in their order. A method that is not here does not compile. */
type Methods<Part> = { readonly [Name in keyof Part]: Readonly<Record<string, Check>> };

function is(isValid: (value: unknown) => boolean, rule: string): Check {
  return (value, path) => {
    if (!isValid(value)) throw fieldError(path, rule);
    return value;
  };
}

const optional =
  (check: Check): Check =>
  (value, path) =>
    value === undefined ? value : check(value, path);
const text = is((value) => typeof value === 'string' && isText(value), 'must be a text');
/** A segment of a path. An empty one, or one of dots alone, would lead to another route. */
const id = is((value) => typeof value === 'string' && isText(value) && !/^\.{0,2}$/.test(value), 'must be an id');
const flag = is((value) => typeof value === 'boolean', 'must be true or false');
const number = is(
  (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 31,
  'must be a whole number',
);
const callback = is((value) => typeof value === 'function', 'must be a function');
const instant = is(
  (value) => typeof value === 'string' || (value instanceof Date && !Number.isNaN(value.getTime())),
  'must be a Date or RFC 3339',
);
const json: Check = (value, path) =>
  readable(path, () => {
    if (!isPlain(value)) throw fieldError(path, 'must be a JSON object');
    checkMetadata(value, path);
    return value;
  });
const signal = is(
  (value) => typeof (value as Partial<AbortSignal> | null)?.addEventListener === 'function',
  'must be an AbortSignal',
);
const limit: Check = (value, path) => (value === null ? value : amount(value, path));
const amount: Check = (value, path) => {
  if (typeof value === 'bigint') return value;
  throw fieldError(path, 'must be a bigint of whole minor units, such as 1250n', 'invalid_amount');
};

/** A plain object: not an array, and not a Date, Map or promise, which would look like an empty object. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** An object with these members and no other, copied, so that each is read once. */
function object<Given extends object>(members: Members<Given>, prefix = ''): Check {
  const checks: Readonly<Record<string, Check>> = members;
  return (given, path) =>
    readable(path, () => {
      if (!isPlain(given)) throw fieldError(path, 'must be an object');
      const copy: Record<string, unknown> = {};
      const unknown = Object.keys(given).find((name) => !Object.hasOwn(checks, name));
      for (const name in checks) if (given[name] !== undefined) copy[name] = given[name];
      if (unknown !== undefined) {
        throw fieldError(path, `has unknown fields: ${JSON.stringify(unknown.slice(0, 40))}`);
      }
      const at = prefix === '' ? '' : `${path}.`;
      for (const [name, check] of Object.entries(checks)) check(copy[name], at + name);
      return copy;
    });
}

/** An array; its elements are named as in the request. */
function list(check: Check, prefix: string): Check {
  return (given, path) =>
    readable(path, () => {
      if (!Array.isArray(given)) throw fieldError(path, 'must be an array');
      return Array.from(given, (element, index) => check(element, `${prefix}.${index}`));
    });
}

/** Reports an error that a getter or a proxy throws as a fault of the argument. */
function readable(path: string, read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof MicroPayError) throw error;
    throw fieldError(path, 'cannot be read');
  }
}

const CALL: Members<CallOptions> = { signal: optional(signal) };
const PAGE: Members<PageOptions> = { ...CALL, limit: optional(number), cursor: optional(text) };
const POST: Members<PostOptions> = { ...CALL, idempotencyKey: optional(text) };
const CHANGE: Members<ChangeOptions> = { ...CALL, reason: optional(text) };
const AS_OF: Members<Partial<AsOf>> = { at: optional(text), by: optional(text) };
const LIMITS: Members<Limits> = { minimum: optional(limit), maximum: optional(limit) };
const TEXTS = { description: optional(text), metadata: optional(json), reference: optional(text) };
const DRY_RUN = { dryRun: optional(flag) };
const EFFECTIVE = { effectiveAt: optional(instant) };
const MOVED = { from: text, to: text, amount, currency: text, ...TEXTS };
const RELEASE: Members<Omit<ReleaseHold, 'dryRun'>> = TEXTS;
const CAPTURE: Members<Omit<CaptureHold, 'dryRun'>> = {
  ...TEXTS,
  ...EFFECTIVE,
  amount: optional(amount),
  final: optional(flag),
};
const REVERSAL_OF_ALL: Members<Omit<Reversal, 'amount' | 'dryRun'>> = {
  ...EFFECTIVE,
  reason: optional(text),
  metadata: optional(json),
  reference: optional(text),
  allowOverdraft: optional(flag),
};
const REVERSAL: Members<Omit<Reversal, 'dryRun'>> = { ...REVERSAL_OF_ALL, amount: optional(amount) };
const HOLD: Members<Omit<PlaceHold, 'dryRun'>> = { ...MOVED, expiresAt: optional(instant) };
const PAYMENT: Members<SubmitTransferRequest> = { ...MOVED, ...EFFECTIVE };

const call = { options: optional(object(CALL)) };
const page = { options: optional(object(PAGE)) };
const post = { options: optional(object(POST)) };
const change = { options: optional(object(CHANGE)) };
const asOf = { options: optional(object<CallOptions & Partial<AsOf>>({ ...CALL, ...AS_OF })) };
const freeze = {
  options: optional(object<ChangeOptions & { readonly side?: FreezeSide }>({ ...CHANGE, side: optional(text) })),
};

const LEGS: Readonly<Record<NonNullable<LinkedLeg['kind']>, Check>> = {
  transfer: object({ ...PAYMENT, kind: optional(text) }, 'leg'),
  hold: object({ ...HOLD, kind: text }, 'leg'),
  capture: object({ ...CAPTURE, kind: text, hold: text }, 'leg'),
  release: object({ ...RELEASE, kind: text, hold: text }, 'leg'),
  reversal: object({ ...REVERSAL, kind: text, transfer: text }, 'leg'),
};
const leg: Check = (value, path) => {
  const kind = readable(path, () => (value as Partial<LinkedLeg> | null)?.kind ?? 'transfer');
  if (typeof kind === 'string' && Object.hasOwn(LEGS, kind)) return LEGS[kind as keyof typeof LEGS](value, path);
  throw fieldError(`${path}.kind`, `must be one of ${Object.keys(LEGS).join(', ')}`);
};

export const CLIENT = object<ClientOptions>({
  baseUrl: text,
  accessToken: optional(text),
  refreshToken: optional(text),
  apiKey: optional(text),
  fetch: optional(callback),
  timeoutMs: optional(number),
  retriesMax: optional(number),
  onTokens: optional(callback),
});

export const AUTH: Methods<Auth> = {
  register: {
    registration: object<Registration>({
      email: text,
      password: text,
      displayName: optional(text),
      currency: optional(text),
    }),
    ...call,
  },
  login: { credentials: object({ email: text, password: text }), ...call },
  requestPasskey: { challenge: text, ...call },
  completeLoginWithPasskey: { completion: object({ challenge: text, response: json }), ...call },
  completeLogin: { completion: object({ challenge: text, code: text }), ...call },
  requestPasswordReset: { email: text, ...call },
  completePasswordReset: { reset: object({ token: text, password: text }), ...call },
  requestEmailVerification: call,
  completeEmailVerification: { token: text, ...call },
  changePassword: { change: object({ currentPassword: text, newPassword: text }), ...call },
  requestEmailChange: { change: object({ email: text, password: text }), ...call },
  completeEmailChange: { token: text, ...call },
  closeAccount: { password: text, ...call },
  refresh: {},
  logout: call,
};

export const SESSIONS: Methods<Sessions> = { listAll: call, revoke: { id, ...call }, revokeOthers: call };

export const SECOND_FACTORS: Methods<SecondFactors> = {
  listAll: call,
  enrolTotp: { enrolment: object({ password: text, name: optional(text) }), ...call },
  confirmTotp: { code: text, ...call },
  enrolPasskey: { enrolment: object({ password: text, name: optional(text) }), ...call },
  confirmPasskey: { response: json, ...call },
  remove: { id, password: text, ...call },
  renewRecoveryCodes: { password: text, ...call },
  listOf: { userId: id, ...call },
  removeAllOf: { userId: id, reason: text, ...call },
};

export const WALLETS: Methods<Wallets> = {
  create: { wallet: object({ currency: text, name: optional(text) }), ...call },
  list: page,
  listPage: page,
  get: { id, ...asOf },
  entries: { id, ...page },
  entriesPage: { id, ...page },
  freeze: { id, ...freeze },
  unfreeze: { id, ...change },
};

const payment = object<PostTransfer>({ ...PAYMENT, ...DRY_RUN });

/** Texts that may be left out. */
function texts<Name extends string>(...names: readonly Name[]) {
  return Object.fromEntries(names.map((name) => [name, optional(text)])) as Readonly<Record<Name, Check>>;
}

const transferPage = {
  options: optional(
    object<TransferListOptions>({
      ...PAGE,
      ...texts('account', 'accountPath', 'counterparty', 'currency', 'groupId', 'reference', 'idempotencyKey'),
      ...texts('principal', 'words', 'order'),
      kinds: optional(list(text, 'kinds')),
      amountMin: optional(amount),
      amountMax: optional(amount),
      recordedFrom: optional(instant),
      recordedTo: optional(instant),
      effectiveFrom: optional(instant),
      effectiveTo: optional(instant),
      metadata: optional(json),
    }),
  ),
};

export const TRANSFERS: Methods<Transfers> = {
  post: { payment, ...post },
  postMany: {
    payments: list(object({ ...MOVED, ...DRY_RUN, idempotencyKey: optional(text) }, 'payment'), 'transfers'),
    ...post,
  },
  postLinked: { legs: list(leg, 'transfers'), options: optional(object({ ...POST, ...DRY_RUN })) },
  reverse: { id, reversal: optional(object<Reversal>({ ...REVERSAL, ...DRY_RUN })), ...post },
  reverseLinked: { groupId: id, reversal: optional(object({ ...REVERSAL_OF_ALL, ...DRY_RUN })), ...post },
  reversals: { id, ...page },
  reversalsPage: { id, ...page },
  list: transferPage,
  listPage: transferPage,
  get: { id, ...call },
};

const holdPage = { options: optional(object<HoldPageOptions>({ ...PAGE, open: optional(flag) })) };

export const HOLDS: Methods<Holds> = {
  place: { hold: object<PlaceHold>({ ...HOLD, ...DRY_RUN }), ...post },
  capture: { id, capture: optional(object<CaptureHold>({ ...CAPTURE, ...DRY_RUN })), ...post },
  release: { id, release: optional(object<ReleaseHold>({ ...RELEASE, ...DRY_RUN })), ...post },
  get: { id, ...call },
  list: { wallet: id, ...holdPage },
  listPage: { wallet: id, ...holdPage },
};

const queuePage = { options: optional(object<PayoutPageOptions>({ ...PAGE, state: optional(text) })) };

export const PAYOUTS: Methods<Payouts> = {
  request: {
    payout: object<RequestPayout>({ from: text, amount, currency: text, destination: json, ...DRY_RUN }),
    ...post,
  },
  list: page,
  listPage: page,
  get: { id, ...call },
  cancel: { id, ...post },
  queue: queuePage,
  queuePage,
  take: { id, ...post },
  pay: { id, payment: object({ reference: text }), ...post },
  fail: { id, failure: object({ reason: text }), ...post },
};

export const TRANSFER_REQUESTS: Methods<TransferRequests> = {
  submit: { payment: object<SubmitTransferRequest>(PAYMENT), ...post },
  get: { id, ...call },
  wait: { id, options: optional(object<WaitOptions>({ ...CALL, timeoutMs: optional(number) })) },
};

const PERIOD = { wallet: optional(text), account: optional(text), from: text, to: text, by: optional(text) };

export const STATEMENTS: Methods<Statements> = {
  get: { period: object({ ...PERIOD, ...PAGE }) },
  file: { period: object({ ...PERIOD, format: optional(text), locale: optional(text), ...CALL }) },
};

export const LEDGER: Methods<Ledger> = { get: call, setTimeZone: { timeZone: text, ...call } };

export const CURRENCIES: Methods<Currencies> = {
  get: { code: id, ...call },
  register: { currency: object<Currency>({ code: text, scale: number }), ...call },
};

const accountPage = { options: optional(object<AccountPageOptions>({ ...PAGE, prefix: optional(text) })) };

export const ACCOUNTS: Methods<Accounts> = {
  open: {
    account: object<OpenAccount>({
      ...LIMITS,
      address: text,
      currency: text,
      type: optional(text),
      metadata: optional(json),
    }),
    ...call,
  },
  get: { reference: id, ...asOf },
  list: accountPage,
  listPage: accountPage,
  aggregate: {
    options: optional(
      object<AggregateOptions>({ ...CALL, path: optional(text), depth: optional(number), type: optional(text) }),
    ),
  },
  freeze: { reference: id, ...freeze },
  unfreeze: { reference: id, ...change },
  close: { reference: id, ...change },
  setLimits: { reference: id, limits: object(LIMITS), ...change },
};

export const API_KEYS: Methods<ApiKeys> = {
  list: page,
  listPage: page,
  create: {
    apiKey: object<CreateApiKey>({
      name: text,
      scopes: list(text, 'scopes'),
      networks: optional(list(text, 'networks')),
      expiresAt: optional(instant),
      reason: optional(text),
    }),
    ...call,
  },
  rotate: { id, options: optional(object({ ...CHANGE, overlapSeconds: optional(number) })) },
  revoke: { id, ...change },
};

const auditPage = {
  options: optional(
    object<AuditLogOptions>({
      ...PAGE,
      principal: optional(text),
      operation: optional(text),
      subject: optional(text),
      from: optional(instant),
      to: optional(instant),
    }),
  ),
};

export const AUDIT_LOG: Methods<AuditLog> = { list: auditPage, listPage: auditPage };

const orNull =
  (check: Check): Check =>
  (value, path) =>
    value === null ? value : optional(check)(value, path);

const WEBHOOK: Members<Omit<CreateWebhookEndpoint, 'url'>> = {
  description: orNull(text),
  eventTypes: orNull(list(text, 'eventTypes')),
  accountPath: orNull(text),
  metadata: orNull(json),
  ordered: optional(text),
};
const deliveryPage = {
  options: optional(object<WebhookDeliveryOptions>({ ...PAGE, state: optional(text) })),
};

export const WEBHOOK_ENDPOINTS: Methods<WebhookEndpoints> = {
  list: page,
  listPage: page,
  create: { endpoint: object<CreateWebhookEndpoint>({ ...WEBHOOK, url: text }), ...call },
  get: { id, ...call },
  change: {
    id,
    changes: object<ChangeWebhookEndpoint>({ ...WEBHOOK, url: optional(text), enabled: optional(flag) }),
    ...call,
  },
  rotateSecret: { id, options: optional(object({ ...CALL, overlapSeconds: optional(number) })) },
  delete: { id, ...call },
  test: { id, ...call },
  deliveries: { id, ...deliveryPage },
  deliveriesPage: { id, ...deliveryPage },
  replay: { id, deliveryId: id, ...call },
  replayRange: {
    id,
    range: object<WebhookRange>({
      state: optional(text),
      after: optional(text),
      through: optional(text),
      from: optional(text),
      to: optional(text),
    }),
    ...call,
  },
};

const notificationPage = { options: optional(object<NotificationPageOptions>({ ...PAGE, unread: optional(flag) })) };
/** An object whose members, whatever their names, are all of one kind. */
const membersAre =
  (check: Check): Check =>
  (value, path) => {
    if (!isPlain(value)) throw fieldError(path, 'must be an object');
    for (const name in value) check(value[name], `${path}.${name}`);
    return value;
  };

export const NOTIFICATIONS: Methods<Notifications> = {
  list: notificationPage,
  listPage: notificationPage,
  read: { id, ...call },
  readAll: call,
  preferences: call,
  changePreferences: {
    changes: object<ChangeNotificationPreferences>({
      language: optional(text),
      types: optional(membersAre(optional(object({ inbox: optional(flag), mail: optional(flag) })))),
      lowBalances: optional(membersAre(limit)),
    }),
    ...call,
  },
};

export const ROLES: Methods<Roles> = {
  list: page,
  listPage: page,
  grant: { userId: id, role: text, ...change },
  revoke: { userId: id, role: text, ...change },
};

/** Refuses an empty list of types, for which the server would send all of them. */
const types: Check = (value, path) => {
  const named = list(text, path)(value, path) as readonly unknown[];
  if (named.length === 0) throw fieldError(path, 'must name a type, or be left out for all');
  return named;
};

export const EVENTS: Methods<Events> = {
  stream: {
    options: optional(object<StreamOptions>({ ...CALL, lastEventId: optional(text), types: optional(types) })),
  },
};

export const CASH: Methods<CashMovements> = {
  create: {
    movement: object<CashMovement>({ wallet: text, amount, currency: text, ...TEXTS, ...EFFECTIVE, ...DRY_RUN }),
    ...post,
  },
};

export const WHOLE: Methods<Pick<MicroPayClient, 'me' | 'verify' | 'trialBalance'>> = {
  me: call,
  verify: call,
  trialBalance: asOf,
};

type Method = (...given: readonly unknown[]) => unknown;

/**
 * The same methods with checked arguments. Methods that return a promise reject; iterators throw at their first step.
 */
export function checked<Part extends object>(part: Part, methods: Methods<Part>): Part {
  const wrapped = Object.entries<Readonly<Record<string, Check>>>(methods).map(([name, parameters]) => {
    const method = part[name as keyof Part] as Method;
    const read = (given: readonly unknown[]) =>
      Object.entries(parameters).map(([parameter, check], index) => check(given[index], parameter));
    return [name, STREAMS.has(name) ? stream(method, read) : async (...given: unknown[]) => method(...read(given))];
  });
  return Object.fromEntries(wrapped);
}

const STREAMS: ReadonlySet<string> = new Set(['list', 'entries', 'reversals', 'deliveries', 'queue', 'stream']);

function stream(method: Method, read: (given: readonly unknown[]) => readonly unknown[]) {
  return async function* (...given: readonly unknown[]) {
    yield* method(...read(given)) as AsyncIterable<unknown>;
  };
}
