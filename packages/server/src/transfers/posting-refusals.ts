import type { ErrorCode } from '../errors/error-codes.js';

/** Refusals of the ledger that any movement of money may get. */
export const POSTING_REFUSALS = [
  'invalid_amount',
  'unknown_currency',
  'account_not_found',
  'currency_mismatch',
  'account_closed',
  'account_frozen',
  'balance_overflow',
  'counterparty_unavailable',
  'insufficient_funds',
  'maximum_exceeded',
  'ledger_closed',
  'overloaded',
  'account_busy',
  'transaction_conflict',
  'outcome_unknown',
  'journal_full',
] as const satisfies readonly ErrorCode[];
