import { writeAuthorization } from './checks.js';
import { isProblem, MicroPayError, type MicroPayErrorOptions, notMicroPay, problemToError } from './errors.js';
import { platformRefused } from './platform.js';
import { aborted, readRetryAfter, retryDelay, wait } from './retry.js';
import type { Session } from './session.js';

/** Options of every call. */
export interface CallOptions {
  /** Aborts the call immediately, also while it waits for its next attempt. */
  readonly signal?: AbortSignal | undefined;
}

export interface SendOptions extends CallOptions {
  /** True if the call may safely be made twice. Other calls are retried only if the server did nothing. */
  readonly repeatable: boolean;
  /** The session whose credential is sent; left out for calls that need none. */
  readonly session?: Session;
  readonly timeoutMs?: number;
  readonly retriesMax?: number;
  /** Returns as soon as the stream has begun; the timeout applies only until then. */
  readonly streaming?: boolean;
  /** Of a successful response that is a file; JSON by default. */
  readonly mediaType?: string;
  /** Added to an error, because the caller needs it to repeat the call. */
  readonly idempotencyKey?: string;
}

/** Creates the `fetch` of one call: it returns a successful response or throws a `MicroPayError`. */
export type Transport = (options: SendOptions) => (request: Request) => Promise<Response>;

export interface TransportOptions {
  readonly fetch: (request: Request) => Promise<Response>;
  /** The time limit of one attempt, including the response body. */
  readonly timeoutMs: number;
  readonly retriesMax: number;
}

export function createTransport({ fetch, timeoutMs, ...limits }: TransportOptions): Transport {
  return (call) => async (request) => {
    const { session, signal, repeatable, idempotencyKey } = call;
    const { retriesMax } = { ...limits, ...call };
    const send = createSend(fetch, request, { timeoutMs, ...call });
    let credential = await session?.credential();
    let mayRenew = session !== undefined;
    for (let retries = 0; ; ) {
      const outcome = await send(credential);
      // No `instanceof Response`: the response of a caller's `fetch` may be of another class.
      if (!(outcome instanceof MicroPayError)) return outcome;
      if (outcome.status === 401 && mayRenew) {
        mayRenew = false;
        const renewed = await session?.renew(credential);
        if (renewed !== undefined) {
          credential = renewed;
          continue;
        }
      }
      const delayMs = retryDelay(outcome, { repeatable, retries, retriesMax });
      if (delayMs === undefined) throw outcome;
      await wait(delayMs, signal, idempotencyKey);
      retries += 1;
    }
  };
}

/** Sends the request once, and returns the response or the error. */
function createSend(
  fetch: TransportOptions['fetch'],
  request: Request,
  { signal, timeoutMs, idempotencyKey, streaming, mediaType }: SendOptions & { readonly timeoutMs: number },
) {
  return async (credential: string | undefined): Promise<Response | MicroPayError> => {
    if (signal?.aborted) return aborted(signal, idempotencyKey);
    const sent = new Headers(request.headers);
    if (credential !== undefined) sent.set('Authorization', writeAuthorization(credential, idempotencyKey));
    const ending = new AbortController();
    const attempt = createAttempt(request, sent, ending.signal);
    // Not every platform has AbortSignal.any. The listener is removed afterwards, because the caller's signal may live long.
    const end = () => ending.abort();
    signal?.addEventListener('abort', end);
    let isTimedOut = false;
    const timer = setTimeout(() => {
      isTimedOut = true;
      end();
    }, timeoutMs);
    try {
      const response = await fetch(attempt);
      if (streaming && isOf('text/event-stream', response)) return response;
      // The body is read here, so that a connection that breaks within it is a failed attempt too.
      const { status, headers } = response;
      if (mediaType !== undefined && isOf(mediaType, response)) {
        return new Response(await response.blob(), { status, headers });
      }
      const body = await response.text();
      if (!response.ok) return refusal(response, body, idempotencyKey);
      // Thrown without the parser's error, which quotes the body: it may contain tokens.
      const isOurs = mediaType === undefined && (isEmpty(status, body) || parseJson(body) !== undefined);
      if (streaming || !isOurs) return notMicroPay({ status, requestId: requestIdOf(response), idempotencyKey });
      return new Response(body === '' ? null : body, { status, headers });
    } catch (cause) {
      if (signal?.aborted) return aborted(signal, idempotencyKey);
      const options = { cause, idempotencyKey };
      return isTimedOut
        ? new MicroPayError('timeout', `no answer came within ${timeoutMs} ms`, options)
        : new MicroPayError('network_error', 'the server could not be reached, or the connection broke', options);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    }
  };
}

/** A request can be sent only once, so each attempt sends a copy. */
function createAttempt(request: Request, headers: Headers, signal: AbortSignal): Request {
  try {
    return new Request(request.clone(), { headers, signal });
  } catch (cause) {
    throw platformRefused(cause);
  }
}

function refusal(response: Response, body: string, idempotencyKey: string | undefined): MicroPayError {
  const options: MicroPayErrorOptions = {
    status: response.status,
    requestId: requestIdOf(response),
    retryAfterMs: readRetryAfter(response.headers),
    idempotencyKey,
  };
  const problem = parseJson(body);
  if (isProblem(problem)) return problemToError(problem, options);
  return new MicroPayError('invalid_response', `HTTP status ${response.status}, and not of MicroPay`, options);
}

/** A success that says no more than its status. */
function isEmpty(status: number, body: string): boolean {
  return status === 204 || (status === 202 && body === '');
}

function isOf(mediaType: string, { ok, headers }: Response): boolean {
  return ok && headers.get('Content-Type')?.startsWith(mediaType) === true;
}

function requestIdOf({ headers }: Response): string | undefined {
  return headers.get('X-Request-Id') ?? undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
