/**
 * Every refusal that a caller can meet, in order of precedence: when several apply to one request,
 * the first in this list is the answer. Codes are public: they are added, never renamed.
 */
export const LEDGER_ERROR_CODES = [
  // The request itself, judged before anything is looked up.
  'invalid_request',
  'invalid_amount',
  'invalid_address',
  'invalid_cursor',
  'unknown_currency',
  'unknown_time_zone',
  'invalid_period',
  'format_unsuitable',
  'filter_too_broad',
  'currency_scale_fixed',
  'too_many_legs',
  // The engine's state.
  'ledger_closed',
  'overloaded',
  // Idempotency: a stored result is returned before the request is judged again.
  'idempotency_key_reused',
  'transfer_id_reused',
  // Names in the request.
  'account_not_found',
  'transfer_not_found',
  'hold_not_found',
  'transfer_request_not_found',
  'events_gone',
  'account_exists',
  'same_account',
  'currency_mismatch',
  'not_reversible',
  'hold_closed',
  'expiry_in_past',
  'effective_before_original',
  'account_closed',
  'account_frozen',
  'capture_exceeds_hold',
  'reversal_exceeds_transfer',
  'insufficient_funds',
  'maximum_exceeded',
  'balance_overflow',
  'account_not_empty',
  'limit_broken',
  // Trouble that a repetition may cure.
  'account_busy',
  'transaction_conflict',
  'transaction_isolation',
  'outcome_unknown',
  'database_unavailable',
  'journal_full',
  // The database and the code do not fit.
  'database_misconfigured',
  'schema_outdated',
  'schema_newer',
  'event_unreadable',
  // A fault, and no refusal.
  'internal_error',
] as const;

export type LedgerErrorCode = (typeof LEDGER_ERROR_CODES)[number];

const RETRYABLE: ReadonlySet<LedgerErrorCode> = new Set<LedgerErrorCode>([
  'overloaded',
  'account_busy',
  'transaction_conflict',
  'outcome_unknown',
  'database_unavailable',
  'journal_full',
]);

export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/**
 * An expected refusal: nothing was changed, unless the code is `outcome_unknown`.
 *
 * `details` carries ids and limits for programs, never personal data; the message is for people and
 * its wording may change. `retryable` says that the same request, unchanged, may succeed later.
 */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerErrorCode;
  readonly details: ErrorDetails;
  readonly retryable: boolean;

  constructor(
    code: LedgerErrorCode,
    message: string,
    details: ErrorDetails = {},
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.details = details;
    this.retryable = RETRYABLE.has(code);
  }

  /** The JSON form, without the stack and the cause, which may contain a password. */
  toJSON(): object {
    const { name, code, message, details, retryable } = this;
    return { name, code, message, details, retryable };
  }
}

/** A broken invariant is a bug: it ends the work under way and is never caught to carry on. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function invariant(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new InvariantError(`ledger invariant broken: ${rule}`);
}
