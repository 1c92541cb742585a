import { type ErrorDetails, LedgerError, type LedgerErrorCode } from '@micropay/ledger-core';
import { fromSqlError } from '@micropay/ledger-core/pg';
import { ERRORS } from '../errors/error-codes.js';
import { type FieldError, type Problem, ProblemError, problem } from '../errors/problem.js';
import type { Principal } from '../identity/principal.js';
import { concernsCounterparty, isOfOneAccount } from './hide-counterparty.js';

/** The delay that callers are asked to observe before they retry. */
const RETRY_AFTER_S = 1;

/** One text for missing objects and for those of others, because a response must not reveal which it is. */
const MISSING: Partial<Record<LedgerErrorCode, string>> = {
  transfer_not_found: 'there is no such transfer, or it is not yours',
  hold_not_found: 'there is no such hold, or it is not yours',
  transfer_request_not_found: 'there is no such request, or it is not yours',
};

export interface ProblemAnswer {
  readonly problem: Problem;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The one sentence about whatever the other side of a payment is or has. */
const OF_COUNTERPARTY = 'the other party cannot take part in this; only they or an operator can find out why';

/**
 * Converts an error to a problem, and hides what its reader may not see. An unexpected error shows nothing but that it
 * happened. Without a reader, as before a credential has been checked, no account is named.
 */
export function toProblem(error: unknown, reader: Principal | undefined): ProblemAnswer {
  if (error instanceof ProblemError) return ofProblemError(error);
  const refusal = fromSqlError(error);
  if (refusal instanceof LedgerError) return ofLedgerError(refusal, reader);
  return { problem: problem('internal_error', 'this is a fault of the server; its log has the details') };
}

function ofProblemError({ code, message, errors, headers }: ProblemError): ProblemAnswer {
  return { problem: problem(code, message, errors), ...(headers === undefined ? {} : { headers }) };
}

function ofLedgerError(error: LedgerError, reader: Principal | undefined): ProblemAnswer {
  const { code, message, details } = error;
  if (concernsCounterparty(error, reader)) {
    return { problem: problem('counterparty_unavailable', OF_COUNTERPARTY, errorsOf(details, OF_COUNTERPARTY)) };
  }
  const detail = MISSING[code] ?? message;
  const answer = problem(code, detail, errorsOf(details, detail));
  if (isOfOneAccount(error)) return { problem: { ...answer, details: { ...details } } };
  if (ERRORS[code].status !== 503) return { problem: answer };
  return { problem: answer, headers: { 'retry-after': String(RETRY_AFTER_S) } };
}

/** Names the linked transfer that was refused, or the invalid field. */
function errorsOf({ leg, field }: ErrorDetails, message: string): readonly FieldError[] | undefined {
  const path = leg === undefined ? field : `transfers.${leg}`;
  return path === undefined ? undefined : [{ path: String(path), message }];
}
