import { LedgerError } from '../errors.js';
import { type AccountId, isAccountId, isAddress, isUuid } from './account.js';
import { isCurrencyCode, unknownCurrency } from './currency.js';
import { checkDescription, checkMetadata, type Metadata } from './metadata.js';
import { isAmount } from './money.js';

declare const transferIdBrand: unique symbol;
/** UUIDv7 in lower case, made by the engine or the caller; opaque, never an order. */
export type TransferId = string & { readonly [transferIdBrand]: true };

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
}

/** Key and scope of a linked group; they sit on its first leg. */
export type LinkedOptions = Pick<TransferRequest, 'idempotencyKey' | 'scope'>;
/** A leg of a linked group: the group, not the leg, bears the key. */
export type TransferLeg = Omit<TransferRequest, 'idempotencyKey' | 'scope'>;

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
export function checkTransferRequest(given: TransferRequest): TransferRequest {
  if (typeof given !== 'object' || given === null) {
    throw new LedgerError('invalid_request', 'a transfer request must be an object');
  }
  const request = { ...given };
  checkAccountReference(request.from, 'from');
  checkAccountReference(request.to, 'to');
  checkKey(request);
  if (typeof request.currency !== 'string') {
    throw new LedgerError('invalid_request', 'currency must be a currency code such as USD');
  }
  if (request.id !== undefined && (typeof request.id !== 'string' || !isTransferId(request.id))) {
    throw new LedgerError('invalid_request', 'a transfer id must be a UUID in lower case');
  }
  const { effectiveAt, metadata } = request;
  if (effectiveAt !== undefined) request.effectiveAt = checkInstant(effectiveAt);
  checkDescription(request.description);
  if (metadata !== undefined) request.metadata = checkMetadata(metadata);
  if (!isAmount(request.amount)) {
    throw new LedgerError('invalid_amount', 'amount must be a positive bigint of whole minor units, at most 38 digits');
  }
  if (!isCurrencyCode(request.currency)) throw unknownCurrency(request.currency);
  return request;
}

/** @throws {LedgerError} `invalid_request` */
export function checkKey({ idempotencyKey, scope }: LinkedOptions): void {
  if (idempotencyKey !== undefined && !isKeyText(idempotencyKey, 1)) {
    throw new LedgerError('invalid_request', `an idempotency key must be a text of 1 to ${KEY_LENGTH_MAX} characters`);
  }
  if (scope !== undefined && !isKeyText(scope, 0)) {
    throw new LedgerError('invalid_request', `a scope must be a text of at most ${KEY_LENGTH_MAX} characters`);
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

function checkInstant(date: Date): Date {
  const time = date instanceof Date ? date.getTime() : Number.NaN;
  if (!(time >= INSTANT_MIN && time <= INSTANT_MAX)) {
    throw new LedgerError('invalid_request', 'effectiveAt must be a Date of the years 1 to 9999');
  }
  return new Date(time);
}
