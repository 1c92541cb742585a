import { LedgerError } from '../errors.js';
import { checkMetadata, type Metadata } from './metadata.js';
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
    !isUuid(text.toLowerCase())
  );
}

/** Asset and expense accounts grow by debits, the others by credits. */
export function isDebitNormal(type: AccountType): boolean {
  return type === 'asset' || type === 'expense';
}

function isWorld(address: unknown): boolean {
  return address === 'world' || (typeof address === 'string' && address.startsWith('world:'));
}

/**
 * Completes a request to open an account with the defaults of its address.
 *
 * @throws {LedgerError} `invalid_address`, `invalid_request`
 */
export function checkOpenAccount(request: OpenAccount): CheckedOpenAccount {
  if (typeof request !== 'object' || request === null) {
    throw new LedgerError('invalid_request', 'a request to open an account must be an object');
  }
  const { address, currency, id } = request;
  const type = request.type ?? (isWorld(address) ? 'asset' : 'liability');
  if (!ACCOUNT_TYPES.includes(type)) {
    throw new LedgerError('invalid_request', `account type must be one of ${ACCOUNT_TYPES.join(', ')}`);
  }
  const minimum = request.minimum === undefined ? (isWorld(address) ? null : 0n) : request.minimum;
  const maximum = request.maximum ?? null;
  checkLimits(minimum, maximum);
  const metadata = request.metadata === undefined ? {} : checkMetadata(request.metadata);
  if (id !== undefined && !isAccountId(id)) {
    throw new LedgerError('invalid_request', 'an account id must be a UUID in lower case');
  }
  if (!isAddress(address)) {
    throw new LedgerError(
      'invalid_address',
      `an address is a path such as users:42:usd: letters, digits, "_", "." and "-" in segments joined by ":", none of dots alone, at most ${ADDRESS_LENGTH_MAX} characters, and not a UUID`,
    );
  }
  const checked = { address, type, currency, minimum, maximum, metadata };
  return id === undefined ? checked : { ...checked, id };
}

function checkLimits(minimum: bigint | null, maximum: bigint | null): void {
  checkLimit(minimum);
  checkLimit(maximum);
  // An account starts at zero, so both limits must allow zero.
  if ((minimum !== null && minimum > 0n) || (maximum !== null && maximum < 0n)) {
    throw new LedgerError('invalid_request', 'a new account starts at zero: minimum ≤ 0 ≤ maximum');
  }
}

function checkLimit(limit: bigint | null): void {
  if (limit !== null && (typeof limit !== 'bigint' || !isBalance(limit))) {
    throw new LedgerError('invalid_request', 'a limit must be a bigint of at most 38 digits, or null');
  }
}

/** New limits of an account; one that is left out stays. */
export interface NewLimits {
  /** Null for none. */
  readonly minimum?: bigint | null | undefined;
  /** Null for none. */
  readonly maximum?: bigint | null | undefined;
}

/** @throws {LedgerError} `invalid_request` */
export function checkNewLimits({ minimum, maximum }: NewLimits): NewLimits {
  if (minimum === undefined && maximum === undefined) {
    throw new LedgerError('invalid_request', 'give a minimum, a maximum or both');
  }
  if (minimum !== undefined) checkLimit(minimum);
  if (maximum !== undefined) checkLimit(maximum);
  return { minimum, maximum };
}
