import type { components } from './generated/api.js';

type Problem = components['schemas']['Problem'];

/** Codes of the server, as its OpenAPI document lists them. A newer server may have more codes: handle unknown ones too. */
export type ServerErrorCode = components['schemas']['ErrorCode'];

/**
 * Codes of this client: `network_error` (no response arrived), `timeout` (not in time), `aborted` (by your signal),
 * `invalid_response` (the response is not from a MicroPay server), `platform_unsupported` (a global of the platform is
 * missing; the message names it and says what to do). A call with arguments that cannot be sent
 * has the server's code `invalid_request`, `invalid_amount` or `token_invalid`, without a status.
 */
export type ClientErrorCode = 'network_error' | 'timeout' | 'aborted' | 'invalid_response' | 'platform_unsupported';

export type MicroPayErrorCode = ServerErrorCode | ClientErrorCode;

/** An invalid field of the request, and its fault. */
export interface FieldError {
  /** Path of the field, such as `transfers.3.amount`. */
  readonly path: string;
  readonly message: string;
}

/** Amounts are texts of whole minor units, as in JSON. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

export interface MicroPayErrorOptions {
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  readonly fields?: readonly FieldError[] | undefined;
  readonly details?: ErrorDetails | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The only error that this package throws for a failed call; branch on `code`. Messages are for people: their wording may
 * change, and they contain no token.
 */
export class MicroPayError extends Error {
  override readonly name = 'MicroPayError';
  readonly code: MicroPayErrorCode;
  /** Explains what went wrong and what to do, in English. */
  readonly detail: string;
  /** The HTTP status; undefined if there was no response. */
  readonly status: number | undefined;
  /** The id of the request in the server's log. */
  readonly requestId: string | undefined;
  /** The invalid fields of the request. */
  readonly fields: readonly FieldError[];
  /** If the refusal depends on the state of one of your accounts: its `address` and, depending on the code, amounts in minor units. */
  readonly details: ErrorDetails;
  /**
   * True if the same call may succeed later. If it moves money, repeat it with the same `idempotencyKey`: the first attempt
   * may have moved the money although its response was lost.
   */
  readonly retryable: boolean;
  /** The delay that the server asks for before the next attempt. */
  readonly retryAfterMs: number | undefined;
  /** The key that the call was sent with, yours or the client's. */
  readonly idempotencyKey: string | undefined;

  constructor(code: MicroPayErrorCode, detail: string, options: MicroPayErrorOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.status = options.status;
    this.requestId = options.requestId;
    this.fields = options.fields ?? [];
    this.details = options.details ?? {};
    this.retryable = isRetryable(code, options.status);
    this.retryAfterMs = options.retryAfterMs;
    this.idempotencyKey = options.idempotencyKey;
  }

  /** The JSON form, without the cause and the stack. */
  toJSON(): object {
    const { name, message, cause: _, stack: __, ...more } = this;
    return { name, message, ...more };
  }
}

/** Faults of the network or the server are temporary; a refusal is not. */
function isRetryable(code: MicroPayErrorCode, status: number | undefined): boolean {
  if (status === undefined) return code === 'network_error' || code === 'timeout';
  if (code === 'database_misconfigured') return false;
  // 408 is Node's, and proxies', word for a request that did not get across in time.
  return status === 408 || status === 429 || status >= 500;
}

/** A successful response that is not from a MicroPay server. */
export function notMicroPay(options: MicroPayErrorOptions): MicroPayError {
  return new MicroPayError('invalid_response', 'the answer is not of MicroPay: is baseUrl a MicroPay server?', options);
}

/** The error in a response; `idempotencyKey` is the key of the request. */
export function problemToError(problem: Problem, options: MicroPayErrorOptions = {}): MicroPayError {
  const { code, detail, status, errors, instance, details } = problem;
  const requestId = instance ?? options.requestId;
  return new MicroPayError(code, detail, { ...options, status, requestId, fields: errors, details });
}

/** Whether a parsed response is a problem of the server, and not the error page of a proxy in front of it. */
export function isProblem(value: unknown): value is Problem {
  if (typeof value !== 'object' || value === null) return false;
  const { code, detail, status } = value as Partial<Record<keyof Problem, unknown>>;
  return typeof code === 'string' && typeof detail === 'string' && typeof status === 'number';
}
