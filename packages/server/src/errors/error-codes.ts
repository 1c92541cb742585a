import { LEDGER_ERROR_CODES, type LedgerErrorCode } from '@micropay/ledger-core';

interface ErrorMeaning {
  readonly status: number;
  /** The same for every occurrence, so that people can search for it. */
  readonly title: string;
}

/**
 * What the ledger refuses: a code that is new there does not compile here without a status. 400 says that a request is not as
 * the OpenAPI document describes it; what only the ledger can tell, as that a currency is known, has another status.
 */
const LEDGER_ERRORS: Record<LedgerErrorCode, ErrorMeaning> = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_amount: { status: 400, title: 'The amount is not valid' },
  invalid_address: { status: 400, title: 'The address is not valid' },
  invalid_cursor: { status: 422, title: 'The cursor is not valid' },
  unknown_currency: { status: 422, title: 'The currency is not known' },
  unknown_time_zone: { status: 422, title: 'The time zone is not known' },
  invalid_period: { status: 422, title: 'The period ends before it begins' },
  currency_scale_fixed: { status: 409, title: 'The currency is known with another scale' },
  too_many_legs: { status: 400, title: 'Too many linked transfers' },
  ledger_closed: { status: 503, title: 'The server is stopping' },
  overloaded: { status: 503, title: 'The server is overloaded' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key belongs to another request' },
  transfer_id_reused: { status: 422, title: 'The transfer id belongs to another request' },
  account_not_found: { status: 404, title: 'No such wallet' },
  transfer_not_found: { status: 404, title: 'No such transfer' },
  hold_not_found: { status: 404, title: 'No such hold' },
  transfer_request_not_found: { status: 404, title: 'No such transfer request' },
  events_gone: { status: 410, title: 'The events are gone' },
  account_exists: { status: 409, title: 'The wallet exists already' },
  same_account: { status: 422, title: 'The two wallets are the same' },
  currency_mismatch: { status: 422, title: 'The wallet holds another currency' },
  not_reversible: { status: 422, title: 'This cannot be reversed' },
  hold_closed: { status: 422, title: 'The hold has ended' },
  expiry_in_past: { status: 422, title: 'The hold would have expired already' },
  effective_before_original: { status: 422, title: 'It would count before what it continues' },
  account_closed: { status: 422, title: 'The wallet is closed' },
  account_frozen: { status: 422, title: 'The wallet is frozen' },
  capture_exceeds_hold: { status: 422, title: 'More than what is held' },
  reversal_exceeds_transfer: { status: 422, title: 'More than what is left to reverse' },
  insufficient_funds: { status: 422, title: 'Too little money' },
  maximum_exceeded: { status: 422, title: 'The wallet would hold too much' },
  balance_overflow: { status: 422, title: 'The balance would be too large' },
  account_not_empty: { status: 422, title: 'The wallet is not empty' },
  limit_broken: { status: 422, title: 'The balance breaks the limit' },
  account_busy: { status: 503, title: 'The wallet is busy' },
  transaction_conflict: { status: 503, title: 'Other work got in the way' },
  transaction_isolation: { status: 500, title: 'The server made a mistake' },
  outcome_unknown: { status: 503, title: 'The outcome is not known' },
  database_unavailable: { status: 503, title: 'The database cannot be reached' },
  database_misconfigured: { status: 500, title: 'The database is not set up right' },
  schema_outdated: { status: 503, title: 'The database schema is too old' },
  schema_newer: { status: 503, title: 'The database schema is too new' },
  event_unreadable: { status: 503, title: 'An event cannot be told' },
  internal_error: { status: 500, title: 'The server made a mistake' },
};

/** What the server refuses itself. Codes are public: they are added, never renamed. */
const SERVER_ERRORS = {
  malformed_json: { status: 400, title: 'The body is not JSON' },
  idempotency_key_required: { status: 400, title: 'An idempotency key is required' },
  authentication_required: { status: 401, title: 'Authentication is required' },
  token_invalid: { status: 401, title: 'The token is not valid' },
  token_expired: { status: 401, title: 'The token has expired' },
  invalid_credentials: { status: 401, title: 'Email or password is wrong' },
  refresh_token_invalid: { status: 401, title: 'The refresh token is not valid' },
  refresh_token_reused: { status: 401, title: 'The refresh token was used before' },
  forbidden: { status: 403, title: 'Not allowed' },
  route_not_found: { status: 404, title: 'No such route' },
  counterparty_unavailable: { status: 422, title: 'The other party cannot take part' },
  recipient_not_found: { status: 404, title: 'No such recipient' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  email_taken: { status: 409, title: 'The email is registered already' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  rate_limited: { status: 429, title: 'Too many attempts' },
  too_many_streams: { status: 429, title: 'Too many streams' },
  stream_too_slow: { status: 503, title: 'The stream was read too slowly' },
} as const satisfies Record<string, ErrorMeaning>;

export type ServerErrorCode = keyof typeof SERVER_ERRORS;
export type ErrorCode = LedgerErrorCode | ServerErrorCode;

export const ERRORS: Readonly<Record<ErrorCode, ErrorMeaning>> = { ...LEDGER_ERRORS, ...SERVER_ERRORS };

export const ERROR_CODES: readonly [ErrorCode, ...ErrorCode[]] = [
  ...LEDGER_ERROR_CODES,
  ...(Object.keys(SERVER_ERRORS) as ServerErrorCode[]),
];
