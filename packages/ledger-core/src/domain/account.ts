import { LedgerError } from '../errors.js';
import { type Check, invalidArgument, object, oneOf, optional, valid } from './arguments.js';
import { AUDIT, type Audit } from './audit.js';
import { currencyText, isCurrencyCode, unknownCurrency } from './currency.js';
import { type Metadata, metadata } from './metadata.js';
import { isBalance } from './money.js';

declare const accountIdBrand: unique symbol;
/** UUIDv7 in lower case, made by the engine or the caller; opaque, never an order. */
export type AccountId = string & { readonly [accountIdBrand]: true };

export const ACCOUNT_TYPES = ['asset', 'liability', 'equity', 'income', 'expense'] as const;
export type AccountType = (typeof ACCOUNT_TYPES)[number];

/** `closed` accounts take no transfer; `frozen_*` accounts refuse new ones on the named sides. */
export const ACCOUNT_STATUSES = ['open', 'frozen_debits', 'frozen_credits', 'frozen', 'closed'] as const;
export type AccountStatus = (typeof ACCOUNT_STATUSES)[number];

/** What never changes about an account. */
export interface AccountIdentity {
  readonly id: AccountId;
  readonly address: string;
  readonly type: AccountType;
  readonly currency: string;
}

/** An account with its balance; amounts are minor units, positive on the account's normal side. */
export interface Account extends AccountIdentity {
  readonly status: AccountStatus;
  /** Least balance allowed, counting outgoing holds; null for none. */
  readonly minimum: bigint | null;
  /** Largest balance allowed, counting incoming holds; null for none. */
  readonly maximum: bigint | null;
  readonly posted: bigint;
  readonly pendingIn: bigint;
  readonly pendingOut: bigint;
  /** posted − pendingOut − minimum; null when the account has no minimum. */
  readonly available: bigint | null;
  /** Number of changes of the balance so far. */
  readonly version: bigint;
  readonly metadata: Metadata;
  readonly openedAt: Date;
}

/** What `accounts.open` takes. */
export interface OpenAccount {
  /** Unique readable path in its ledger: `users:42:usd`. */
  readonly address: string;
  readonly currency: string;
  /** Default `liability`; `asset` below `world:`. */
  readonly type?: AccountType;
  /** Default 0; none below `world:`. Null for none. */
  readonly minimum?: bigint | null;
  readonly maximum?: bigint | null;
  readonly metadata?: Metadata;
  /** A UUIDv7 of the caller's; made by the engine when left out. */
  readonly id?: string;
}

export type CheckedOpenAccount = Required<Omit<OpenAccount, 'id'>> & { readonly id?: AccountId };

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_OF_ANY_CASE = new RegExp(UUID_PATTERN, 'i');
/** A segment of dots alone is none: URLs take `..` out of a path, also where it is written as `%2e%2e`. */
const SEGMENT = '(?!\\.+(?::|$))[a-zA-Z0-9_.-]+';
const ADDRESS_PATTERN = new RegExp(`^${SEGMENT}(?::${SEGMENT})*$`);
export const ADDRESS_LENGTH_MAX = 200;

export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && text.length === 36 && UUID_PATTERN.test(text);
}

export function isAccountId(text: unknown): text is AccountId {
  return isUuid(text);
}

/** A path of segments joined by colons, letters, digits, `_`, `.` and `-`, none of dots alone, that is not a UUID. */
export function isAddress(text: unknown): text is string {
  return (
    typeof text === 'string' &&
    text.length <= ADDRESS_LENGTH_MAX &&
    ADDRESS_PATTERN.test(text) &&
    !UUID_OF_ANY_CASE.test(text)
  );
}

/** Asset and expense accounts grow by debits, the others by credits. */
export function isDebitNormal(type: AccountType): boolean {
  return type === 'asset' || type === 'expense';
}

function isWorld(address: string): boolean {
  return address === 'world' || address.startsWith('world:');
}

/** Minor units of at most 38 digits, or null for none. */
const limit: Check<bigint | null> = valid(
  (value) => value === null || isBalance(value),
  'must be a bigint of at most 38 digits, or null',
);

/** @throws {LedgerError} `invalid_address` */
function newAddress(value: unknown): string {
  if (isAddress(value)) return value;
  throw new LedgerError(
    'invalid_address',
    `address must be a path such as users:42:usd: letters, digits, "_", "." and "-" in segments joined by ":", none of dots alone, at most ${ADDRESS_LENGTH_MAX} characters, and not a UUID`,
    { field: 'address' },
  );
}

const readOpenAccount = object<OpenAccount>({
  type: optional(oneOf(ACCOUNT_TYPES)),
  minimum: optional(limit),
  maximum: optional(limit),
  metadata: optional(metadata),
  id: optional(valid(isAccountId, 'must be a UUID in lower case')),
  address: newAddress,
  currency: currencyText,
});

/**
 * Completes a request to open an account with the defaults of its address.
 *
 * @throws {LedgerError} `invalid_address`, `invalid_request`, `unknown_currency` for a malformed code
 */
export function checkOpenAccount(given: OpenAccount): CheckedOpenAccount {
  const request = readOpenAccount(given, 'request');
  const { address, currency, id } = request;
  const { type = isWorld(address) ? 'asset' : 'liability' } = request;
  const { minimum = isWorld(address) ? null : 0n, maximum = null, metadata = {} } = request;
  // An account starts at zero, so both limits must allow zero.
  if (minimum !== null && minimum > 0n) throw invalidArgument('minimum', 'must allow zero, at which an account starts');
  if (maximum !== null && maximum < 0n) throw invalidArgument('maximum', 'must allow zero, at which an account starts');
  if (!isCurrencyCode(currency)) throw unknownCurrency(currency);
  const checked = { address, type, currency, minimum, maximum, metadata };
  return id === undefined ? checked : { ...checked, id: id as AccountId };
}

/** New limits of an account; one that is left out stays. */
export interface NewLimits {
  /** Null for none. */
  readonly minimum?: bigint | null | undefined;
  /** Null for none. */
  readonly maximum?: bigint | null | undefined;
}

const readNewLimits = object<NewLimits & Audit>({ minimum: optional(limit), maximum: optional(limit), ...AUDIT });

/** @throws {LedgerError} `invalid_request` */
export function checkNewLimits(given: NewLimits & Audit): { readonly limits: NewLimits; readonly audit: Audit } {
  const { minimum, maximum, ...audit } = readNewLimits(given, 'limits');
  if (minimum === undefined && maximum === undefined) {
    throw invalidArgument('limits', 'must have a minimum, a maximum or both');
  }
  return { limits: { minimum, maximum }, audit };
}
