import { LedgerError } from '../errors.js';
import { type AccountId, isAccountId, isAddress, isUuid } from './account.js';
import { isCurrencyCode, unknownCurrency } from './currency.js';
import { checkDescription, checkMetadata, type Metadata } from './metadata.js';
import { isAmount } from './money.js';

declare const transferIdBrand: unique symbol;
/** UUIDv7 in lower case, made by the engine or the caller; opaque, never an order. */
export type TransferId = string & { readonly [transferIdBrand]: true };

/** `hold` reserves; `capture`, `release` and `expiry` end a hold or a part of it; the others move posted money. */
export type TransferKind = 'transfer' | 'hold' | 'capture' | 'release' | 'expiry' | 'reversal';

/** One movement of money asked for: debits `from`, credits `to`. */
export interface TransferRequest {
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
export type RequestOptions = Pick<TransferRequest, 'idempotencyKey' | 'scope' | 'dryRun'>;
/** A leg of a linked group: the group, not the leg, bears the key. */
export type TransferLeg = Omit<TransferRequest, keyof RequestOptions>;

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

/**
 * The cheap checks: everything that can be said of a request without looking anything up. Answers a copy:
 * what the caller changes in the request afterwards changes nothing.
 *
 * @throws {LedgerError} `invalid_request`, `invalid_amount`, `unknown_currency` for a malformed code
 */
export function checkTransferRequest<Request extends TransferRequest>(given: Request): Request {
  const request: Mutable<TransferRequest> = copyRequest(given);
  checkAccountReference(request.from, 'from');
  checkAccountReference(request.to, 'to');
  checkOptions(request);
  if (typeof request.currency !== 'string') {
    throw new LedgerError('invalid_request', 'currency must be a currency code such as USD');
  }
  checkSaying(request);
  checkAmount(request.amount);
  if (!isCurrencyCode(request.currency)) throw unknownCurrency(request.currency);
  return request as Request;
}

/** A copy of what must be an object. */
export function copyRequest<Request>(given: Request): Mutable<Request> {
  if (typeof given !== 'object' || given === null) {
    throw new LedgerError('invalid_request', 'a request must be an object');
  }
  return { ...given };
}

type Mutable<Request> = { -readonly [Key in keyof Request]: Request[Key] };

/** Checks what any leg may say of itself, and copies what is the caller's. */
export function checkSaying(leg: Mutable<Pick<TransferLeg, 'id' | 'description' | 'metadata' | 'effectiveAt'>>): void {
  const { id, effectiveAt, metadata } = leg;
  if (id !== undefined && (typeof id !== 'string' || !isTransferId(id))) {
    throw new LedgerError('invalid_request', 'a transfer id must be a UUID in lower case');
  }
  if (effectiveAt !== undefined) leg.effectiveAt = checkInstant(effectiveAt, 'effectiveAt');
  checkDescription(leg.description);
  if (metadata !== undefined) leg.metadata = checkMetadata(metadata);
}

/** @throws {LedgerError} `invalid_amount` */
export function checkAmount(amount: bigint): void {
  if (!isAmount(amount)) {
    throw new LedgerError('invalid_amount', 'amount must be a positive bigint of whole minor units, at most 38 digits');
  }
}

/** @throws {LedgerError} `invalid_request` */
export function checkOptions({ idempotencyKey, scope, dryRun }: RequestOptions): void {
  if (idempotencyKey !== undefined && !isKeyText(idempotencyKey, 1)) {
    throw new LedgerError('invalid_request', `an idempotency key must be a text of 1 to ${KEY_LENGTH_MAX} characters`);
  }
  if (scope !== undefined && !isKeyText(scope, 0)) {
    throw new LedgerError('invalid_request', `a scope must be a text of at most ${KEY_LENGTH_MAX} characters`);
  }
  if (dryRun !== undefined && typeof dryRun !== 'boolean' && dryRun !== 'from') {
    throw new LedgerError('invalid_request', 'dryRun must be true, false or "from"');
  }
}

/** Half a surrogate pair has no bytes of its own: keys that hold one would become the same digest. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function isKeyText(text: unknown, lengthMin: number): boolean {
  return (
    typeof text === 'string' && text.length >= lengthMin && text.length <= KEY_LENGTH_MAX && !LONE_SURROGATE.test(text)
  );
}

function checkAccountReference(reference: unknown, field: string): void {
  if (typeof reference !== 'string' || !(isAccountId(reference) || isAddress(reference))) {
    throw new LedgerError('invalid_request', `${field} must be an account id or an address`);
  }
}

const INSTANT_MIN = Date.parse('0001-01-01T00:00:00Z');
const INSTANT_MAX = Date.parse('9999-12-31T23:59:59.999Z');

/** @throws {LedgerError} `invalid_request` */
export function checkInstant(date: Date, field: string): Date {
  const time = date instanceof Date ? date.getTime() : Number.NaN;
  if (!(time >= INSTANT_MIN && time <= INSTANT_MAX)) {
    throw new LedgerError('invalid_request', `${field} must be a Date of the years 1 to 9999`);
  }
  return new Date(time);
}
