import { LedgerError } from '../errors.js';
import { type AccountId, isAccountId, isAddress, isUuid } from './account.js';
import { type Check, invalidArgument, type Members, object, optional, valid } from './arguments.js';
import { currencyText, isCurrencyCode, unknownCurrency } from './currency.js';
import { instant } from './instant.js';
import { description, type Metadata, metadata } from './metadata.js';
import { isAmount } from './money.js';

declare const transferIdBrand: unique symbol;
/** UUIDv7 in lower case, made by the engine or the caller; opaque, never an order. */
export type TransferId = string & { readonly [transferIdBrand]: true };

export const TRANSFER_KINDS = ['transfer', 'hold', 'capture', 'release', 'expiry', 'reversal'] as const;
/** `hold` reserves; `capture`, `release` and `expiry` end a hold or a part of it; the others move posted money. */
export type TransferKind = (typeof TRANSFER_KINDS)[number];

/** One movement of money asked for: debits `from`, credits `to`. */
export interface PostTransfer {
  /** Account id or address. */
  readonly from: string;
  /** Account id or address. */
  readonly to: string;
  /** Whole minor units, positive, at most 38 digits. */
  readonly amount: bigint;
  /** The currency of both accounts. */
  readonly currency: string;
  /** The caller's name for this intention: 1 to 255 characters, unique for ever in its ledger and scope. */
  readonly idempotencyKey?: string;
  /** Keys of different scopes do not meet; a server gives each principal one. Default: the empty scope. */
  readonly scope?: string;
  /** A UUIDv7 of the caller's; made by the engine when left out. The same id again replays. */
  readonly id?: string;
  readonly description?: string;
  readonly metadata?: Metadata;
  /** When the movement counts, if not when it is recorded; may lie in the past. */
  readonly effectiveAt?: Date;
  /**
   * Judge it as if it were posted, under the same locks, and write nothing; default false. `from` leaves out what limits
   * `to` alone, its maximum: tried with many amounts, the answers would tell the payer the payee's balance.
   */
  readonly dryRun?: DryRun;
}

export type DryRun = boolean | 'from';

/** What the request as a whole bears; the key of a linked group sits on its first leg. */
export type RequestOptions = Pick<PostTransfer, 'idempotencyKey' | 'scope' | 'dryRun'>;
/** A leg of a linked group: the group, not the leg, bears the key. */
export type TransferLeg = Omit<PostTransfer, keyof RequestOptions>;

/** An account's balance right after one transfer; `version` counts its changes. */
export interface BalanceAfter {
  readonly posted: bigint;
  readonly pendingIn: bigint;
  readonly pendingOut: bigint;
  readonly version: bigint;
}

/** A row of the journal: immutable, both sides on it. */
export interface Transfer {
  readonly id: TransferId;
  readonly kind: TransferKind;
  /** The id of the first leg, on every leg of a linked group; null for a transfer of its own. */
  readonly groupId: TransferId | null;
  readonly from: AccountId;
  readonly to: AccountId;
  readonly amount: bigint;
  readonly currency: string;
  readonly description: string | null;
  readonly metadata: Metadata | null;
  readonly recordedAt: Date;
  readonly effectiveAt: Date;
  /** The hold that a capture, release or expiry ends, the transfer that a reversal reverses; null for others. */
  readonly originalId: TransferId | null;
  /** What a final capture gave back of its hold beside `amount`; 0 for everything else. */
  readonly released: bigint;
  /** When a hold expires by itself; null for never and for everything else. */
  readonly expiresAt: Date | null;
  readonly fromBalance: BalanceAfter;
  readonly toBalance: BalanceAfter;
}

/** The answer to a posted request; `replayed` when its key or id had been posted before. */
export interface PostedTransfer extends Transfer {
  readonly replayed: boolean;
  /** What `allowOverdraft` lowered with a reversal, of a dry run too; left out when it lowered nothing. */
  readonly loweredMinimums?: readonly LoweredMinimum[];
}

/** A minimum that a reversal lowered. It stays when the money is back: `accounts.setLimits` raises it again. */
export interface LoweredMinimum {
  readonly accountId: AccountId;
  readonly minimumBefore: bigint;
  readonly minimum: bigint;
}

export type PostResult =
  | { readonly ok: true; readonly transfer: PostedTransfer }
  | { readonly ok: false; readonly error: LedgerError };

/** One account's side of a transfer, with its balance after it. */
export interface Entry extends BalanceAfter {
  readonly accountId: AccountId;
  readonly transferId: TransferId;
  readonly groupId: TransferId | null;
  readonly kind: TransferKind;
  readonly direction: 'debit' | 'credit';
  readonly counterparty: AccountId;
  readonly amount: bigint;
  readonly currency: string;
  readonly description: string | null;
  readonly metadata: Metadata | null;
  readonly recordedAt: Date;
  readonly effectiveAt: Date;
}

export const KEY_LENGTH_MAX = 255;
/** How many transfers can be linked. */
export const LINKED_LEGS_MAX = 100;

export function isTransferId(text: string): text is TransferId {
  return isUuid(text);
}

/** An account that a transfer names. */
export const accountReference = valid<string>(
  (value) => isAccountId(value) || isAddress(value),
  'must be an account id or an address',
);

/** An id that its caller made. */
export const givenId = valid<string>(isUuid, 'must be a UUID in lower case');

/** The id of a transfer or hold that is there; one that cannot exist is as good as missing. */
export function idOf(what: 'transfer' | 'hold', code: 'transfer_not_found' | 'hold_not_found'): Check<TransferId> {
  return (value, name) => {
    if (typeof value !== 'string') throw invalidArgument(name, `must be the id of a ${what}`);
    if (!isTransferId(value)) throw new LedgerError(code, `${name}: a ${what}'s id is a UUID in lower case`);
    return value;
  };
}

export const transferId = idOf('transfer', 'transfer_not_found');
export const holdId = idOf('hold', 'hold_not_found');

/** @throws {LedgerError} `invalid_amount` */
export const amount: Check<bigint> = (value, name) => {
  if (isAmount(value)) return value;
  const rule = 'must be a positive bigint of whole minor units, at most 38 digits';
  throw new LedgerError('invalid_amount', `${name} ${rule}`, { field: name });
};

/** Half a surrogate pair has no bytes of its own: keys that hold one would become the same digest. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function keyText(lengthMin: number): Check<string> {
  const isValid = (value: unknown) =>
    typeof value === 'string' &&
    value.length >= lengthMin &&
    value.length <= KEY_LENGTH_MAX &&
    !LONE_SURROGATE.test(value);
  const length = lengthMin === 0 ? `at most ${KEY_LENGTH_MAX}` : `${lengthMin} to ${KEY_LENGTH_MAX}`;
  return valid(isValid, `must be a text of ${length} characters`);
}

export const idempotencyKey = keyText(1);

/** What a request as a whole bears. */
export const REQUEST_OPTIONS: Members<RequestOptions> = {
  idempotencyKey: optional(idempotencyKey),
  scope: optional(keyText(0)),
  dryRun: optional(valid((value) => typeof value === 'boolean' || value === 'from', 'must be true, false or "from"')),
};

/** What any leg may say of itself, but for when it is effective. */
export const LEG_TEXTS: Members<Pick<TransferLeg, 'id' | 'description' | 'metadata'>> = {
  id: optional(givenId),
  description: optional(description),
  metadata: optional(metadata),
};

/** The movement that a leg names itself. The amount comes last: its code yields to those of other fields. */
export const MOVEMENT: Members<Pick<TransferLeg, 'from' | 'to' | 'currency' | 'amount'>> = {
  from: accountReference,
  to: accountReference,
  currency: currencyText,
  amount,
};

/** A leg that moves posted money. */
export const TRANSFER_LEG: Members<TransferLeg> = {
  ...LEG_TEXTS,
  effectiveAt: optional(instant),
  ...MOVEMENT,
};

const readPostTransfer = object<PostTransfer>({ ...REQUEST_OPTIONS, ...TRANSFER_LEG });

/**
 * The cheap checks: everything that can be said of a request without looking anything up. Answers a copy:
 * what the caller changes in the request afterwards changes nothing.
 *
 * @throws {LedgerError} `invalid_request`, `invalid_amount`, `unknown_currency` for a malformed code
 */
export function checkPostTransfer(given: PostTransfer, name = 'request'): PostTransfer {
  return withCurrency(readPostTransfer(given, name));
}

/** @throws {LedgerError} `unknown_currency` for a malformed code */
export function withCurrency<Request extends { readonly currency: string }>(request: Request): Request {
  if (!isCurrencyCode(request.currency)) throw unknownCurrency(request.currency);
  return request;
}
