import { LEDGER_ERROR_CODES, type LedgerErrorCode } from '@micropay/ledger-core';

interface ErrorMeaning {
  readonly status: number;
  /** The title is the same for every occurrence, so that people can search for it. */
  readonly title: string;
}

/**
 * Status and title of the ledger's codes; a new code does not compile without them. 400 means that a request does not match
 * the OpenAPI document. Conditions that only the ledger can check, such as an unknown currency, have another status.
 */
const LEDGER_ERRORS: Record<LedgerErrorCode, ErrorMeaning> = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_amount: { status: 400, title: 'The amount is not valid' },
  invalid_address: { status: 400, title: 'The address is not valid' },
  invalid_cursor: { status: 422, title: 'The cursor is not valid' },
  unknown_currency: { status: 422, title: 'The currency is not known' },
  unknown_time_zone: { status: 422, title: 'The time zone is not known' },
  filter_too_broad: { status: 422, title: 'The filter would search too much' },
  invalid_period: { status: 422, title: 'The period ends before it begins' },
  format_unsuitable: { status: 422, title: 'The format has no room for this statement' },
  currency_scale_fixed: { status: 409, title: 'The currency has another scale in this ledger' },
  too_many_legs: { status: 400, title: 'Too many linked transfers' },
  ledger_closed: { status: 503, title: 'The server is stopping' },
  overloaded: { status: 503, title: 'The server is overloaded' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key was used for another request' },
  transfer_id_reused: { status: 422, title: 'The transfer id was used for another request' },
  account_not_found: { status: 404, title: 'No such wallet' },
  transfer_not_found: { status: 404, title: 'No such transfer' },
  hold_not_found: { status: 404, title: 'No such hold' },
  transfer_request_not_found: { status: 404, title: 'No such transfer request' },
  events_gone: { status: 410, title: 'The events are gone' },
  account_exists: { status: 409, title: 'The wallet exists already' },
  same_account: { status: 422, title: 'The two wallets are the same' },
  currency_mismatch: { status: 422, title: 'The wallet holds another currency' },
  not_reversible: { status: 422, title: 'The transfer cannot be reversed' },
  hold_closed: { status: 422, title: 'The hold has ended' },
  expiry_in_past: { status: 422, title: 'The expiry time is in the past' },
  effective_before_original: { status: 422, title: 'The effective time is before that of the original' },
  account_closed: { status: 422, title: 'The wallet is closed' },
  account_frozen: { status: 422, title: 'The wallet is frozen' },
  capture_exceeds_hold: { status: 422, title: 'The amount is more than what is held' },
  reversal_exceeds_transfer: { status: 422, title: 'The amount is more than what is left to reverse' },
  insufficient_funds: { status: 422, title: 'Insufficient funds' },
  maximum_exceeded: { status: 422, title: 'The balance would exceed the maximum' },
  balance_overflow: { status: 422, title: 'The balance would exceed 38 digits' },
  account_not_empty: { status: 422, title: 'The wallet is not empty' },
  limit_broken: { status: 422, title: 'The current balance is outside the new limits' },
  account_busy: { status: 503, title: 'The wallet is busy' },
  transaction_conflict: { status: 503, title: 'A concurrent transaction got in the way' },
  transaction_isolation: { status: 500, title: 'Internal server error' },
  outcome_unknown: { status: 503, title: 'The outcome is not known' },
  database_unavailable: { status: 503, title: 'The database cannot be reached' },
  journal_full: { status: 503, title: 'The journal has no room until it is maintained' },
  database_misconfigured: { status: 500, title: 'The database is not configured correctly' },
  schema_outdated: { status: 503, title: 'The database schema is too old' },
  schema_newer: { status: 503, title: 'The database schema is too new' },
  event_unreadable: { status: 503, title: 'An event cannot be read' },
  internal_error: { status: 500, title: 'Internal server error' },
};

/** The server's own codes. Codes are public: they are added, never renamed. */
const SERVER_ERRORS = {
  malformed_json: { status: 400, title: 'The body is not JSON' },
  idempotency_key_required: { status: 400, title: 'An idempotency key is required' },
  authentication_required: { status: 401, title: 'Authentication is required' },
  token_invalid: { status: 401, title: 'The token is not valid' },
  token_expired: { status: 401, title: 'The token has expired' },
  local_sign_in_off: { status: 403, title: 'Users sign in with another issuer' },
  issuer_unavailable: { status: 503, title: 'The issuer cannot be reached' },
  invalid_credentials: { status: 401, title: 'The email or the password is wrong' },
  refresh_token_invalid: { status: 401, title: 'The refresh token is not valid' },
  refresh_token_reused: { status: 401, title: 'The refresh token has already been used' },
  link_invalid: { status: 422, title: 'The link is not valid' },
  mail_off: { status: 422, title: 'The server sends no mail' },
  password_weak: { status: 422, title: 'The password is too easy to guess' },
  password_wrong: { status: 403, title: 'The current password is wrong' },
  challenge_invalid: { status: 422, title: 'The login is no longer waiting for a second factor' },
  code_wrong: { status: 403, title: 'The code is wrong' },
  passkey_refused: { status: 403, title: 'The response of the passkey is not valid' },
  passkeys_off: { status: 422, title: 'The server has no passkeys' },
  too_many_second_factors: { status: 409, title: 'Too many second factors' },
  second_factor_not_found: { status: 404, title: 'No such second factor' },
  email_unverified: { status: 403, title: 'The email is not confirmed' },
  session_not_found: { status: 404, title: 'No such session' },
  forbidden: { status: 403, title: 'You are not allowed to do this' },
  route_not_found: { status: 404, title: 'The route was not found' },
  counterparty_unavailable: { status: 422, title: 'The other party’s wallet cannot take part' },
  recipient_not_found: { status: 404, title: 'The recipient was not found' },
  method_not_allowed: { status: 405, title: 'The route does not allow this method' },
  user_not_found: { status: 404, title: 'No such user' },
  api_key_not_found: { status: 404, title: 'No such API key' },
  api_key_exists: { status: 409, title: 'The name of the API key is taken' },
  notification_not_found: { status: 404, title: 'No such notification' },
  payout_not_found: { status: 404, title: 'No such payout' },
  payout_not_taken: { status: 422, title: 'The payout has not been taken up' },
  payout_processing: { status: 422, title: 'The payout is being made' },
  payout_ended: { status: 422, title: 'The payout has ended' },
  payout_open: { status: 422, title: 'A payout is still open' },
  webhook_endpoint_not_found: { status: 404, title: 'No such webhook endpoint' },
  webhook_delivery_not_found: { status: 404, title: 'No such webhook delivery' },
  webhook_url_refused: { status: 422, title: 'Nothing is sent to this URL' },
  too_many_webhook_endpoints: { status: 409, title: 'Too many webhook endpoints' },
  email_taken: { status: 409, title: 'The email is already registered' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  rate_limited: { status: 429, title: 'Too many attempts' },
  too_many_streams: { status: 429, title: 'Too many streams' },
  stream_too_slow: { status: 503, title: 'The client read the stream too slowly' },
} as const satisfies Record<string, ErrorMeaning>;

export type ServerErrorCode = keyof typeof SERVER_ERRORS;
export type ErrorCode = LedgerErrorCode | ServerErrorCode;

export const ERRORS: Readonly<Record<ErrorCode, ErrorMeaning>> = { ...LEDGER_ERRORS, ...SERVER_ERRORS };

export const ERROR_CODES: readonly [ErrorCode, ...ErrorCode[]] = [
  ...LEDGER_ERROR_CODES,
  ...(Object.keys(SERVER_ERRORS) as ServerErrorCode[]),
];
