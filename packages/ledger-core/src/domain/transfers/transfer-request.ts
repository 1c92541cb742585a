import { type ErrorDetails, LedgerError, type LedgerErrorCode } from '../../errors.js';
import { isUuid } from '../accounts/account.js';
import { object, optional, valid } from '../input/arguments.js';
import { type KeyDigest, keyDigest, type RequestDigest, requestDigest } from './idempotency.js';
import {
  idempotencyKey,
  MOVEMENT,
  type PostTransfer,
  REQUEST_OPTIONS,
  TRANSFER_LEG,
  type TransferId,
  type TransferLeg,
  withCurrency,
} from './transfer.js';

declare const transferRequestIdBrand: unique symbol;
/** UUIDv7 in lower case, made by the ledger; opaque, never an order. */
export type TransferRequestId = string & { readonly [transferRequestIdBrand]: true };

export const TRANSFER_REQUEST_STATES = ['requested', 'posted', 'refused'] as const;
/** The state changes once, from `requested` to `posted` or `refused`, and is then final. */
export type TransferRequestState = (typeof TRANSFER_REQUEST_STATES)[number];

/** The movement that a transfer request asks for. */
export type RequestedMovement = Pick<
  PostTransfer,
  'from' | 'to' | 'amount' | 'currency' | 'description' | 'metadata' | 'reference' | 'effectiveAt'
>;

/** A transfer to be posted later. Nobody waits for its outcome, so an idempotency key is required. */
export interface SubmitTransferRequest extends RequestedMovement {
  /** The same kind of key as in `transfers.post`: a transfer that is posted with this key settles this request. */
  readonly idempotencyKey: string;
  readonly scope?: string;
  /** Id of the requester, 1 to 255 characters; no personal data. */
  readonly requestedBy?: string;
  /** W3C trace context of who asks, which the transfer and its events continue if it is sampled; by default the active span. */
  readonly traceparent?: string;
}

/** The reason why a transfer was refused. */
export interface StoredRefusal {
  /** A code of `LEDGER_ERROR_CODES`; a later release may have added to them. */
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** The refusal of a later call with the key of a refused request, which was decided once. */
export function storedRefusal({ code, message, details }: StoredRefusal, id: TransferRequestId): LedgerError {
  return new LedgerError(code as LedgerErrorCode, message, { ...details, transferRequestId: id });
}

/** A transfer to be posted later, and its outcome. */
export interface TransferRequest extends RequestedMovement {
  readonly id: TransferRequestId;
  readonly state: TransferRequestState;
  /** The id of the transfer, fixed from the start; there is no such transfer before the request is `posted`. */
  readonly transferId: TransferId;
  readonly requestedBy: string | null;
  readonly requestedAt: Date;
  /** The time at which it was posted or refused; null before. */
  readonly settledAt: Date | null;
  /** The reason, if it was refused. */
  readonly refusal: StoredRefusal | null;
}

/** The result of submitting a request; `replayed` is true if its key was submitted before. */
export interface SubmittedTransferRequest extends TransferRequest {
  readonly replayed: boolean;
}

export type SubmitResult =
  | { readonly ok: true; readonly request: SubmittedTransferRequest }
  | { readonly ok: false; readonly error: LedgerError };

/** A request that was checked, as it is stored. */
export interface CheckedTransferRequest {
  readonly leg: TransferLeg;
  readonly keyDigest: KeyDigest;
  readonly requestDigest: RequestDigest;
  readonly requestedBy: string | null;
  readonly traceparent: string | undefined;
}

/** Of any version: a later one may go on after these four parts. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
const TRACEPARENT_LENGTH_MAX = 512;

export function isTraceparent(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TRACEPARENT_LENGTH_MAX && TRACEPARENT.test(value);
}

const readTransferRequest = object<SubmitTransferRequest>({
  idempotencyKey,
  scope: REQUEST_OPTIONS.scope,
  requestedBy: optional(valid(isRequester, 'must be a text of 1 to 255 characters without control characters')),
  traceparent: optional(valid(isTraceparent, 'must be a traceparent header as W3C Trace Context defines it')),
  description: TRANSFER_LEG.description,
  metadata: TRANSFER_LEG.metadata,
  reference: TRANSFER_LEG.reference,
  effectiveAt: TRANSFER_LEG.effectiveAt,
  ...MOVEMENT,
});

const REQUESTED_BY_LENGTH_MAX = 255;
const PRINTABLE = /^[^\p{Cc}\p{Surrogate}]+$/u;

function isRequester(value: unknown): boolean {
  return typeof value === 'string' && value.length <= REQUESTED_BY_LENGTH_MAX && PRINTABLE.test(value);
}

export function isTransferRequestId(text: unknown): text is TransferRequestId {
  return isUuid(text);
}

/**
 * Everything that can be checked of a transfer request without looking anything up.
 *
 * @throws {LedgerError} `invalid_request`, `invalid_amount`, `unknown_currency` for a malformed code
 */
export function checkTransferRequest(given: SubmitTransferRequest, name = 'request'): CheckedTransferRequest {
  const {
    idempotencyKey,
    scope,
    requestedBy = null,
    traceparent,
    ...leg
  } = withCurrency(readTransferRequest(given, name));
  return {
    leg,
    keyDigest: keyDigest({ idempotencyKey, scope }) as KeyDigest,
    requestDigest: requestDigest([leg], false),
    requestedBy,
    traceparent,
  };
}
