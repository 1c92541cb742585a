import { MicroPayError } from './errors.js';

const DELAY_FIRST_MS = 200;
const DELAY_MAX_MS = 5_000;
/** A server that asks for a longer pause gets none: the caller hears of it instead, in `retryAfterMs`. */
const RETRY_AFTER_MAX_MS = 30_000;

/** Refused before anything was done, so that even what must not happen twice can be sent again. */
const NOTHING_DONE: ReadonlySet<string> = new Set(['rate_limited', 'overloaded']);

/** The delay before the next attempt; undefined if there is no further attempt. */
export function retryDelay(
  error: MicroPayError,
  { repeatable, retries, retriesMax }: { repeatable: boolean; retries: number; retriesMax: number },
): number | undefined {
  if (!error.retryable || retries >= retriesMax) return undefined;
  if (!repeatable && !NOTHING_DONE.has(error.code)) return undefined;
  const { retryAfterMs = 0 } = error;
  if (retryAfterMs > RETRY_AFTER_MAX_MS) return undefined;
  const backoffMs = Math.min(DELAY_FIRST_MS * 2 ** retries, DELAY_MAX_MS);
  // Clients that failed together do not come back together, and none comes back before it was asked to.
  return retryAfterMs + backoffMs * (0.5 + Math.random() / 2);
}

/** Reads `Retry-After`: seconds, or a date, which is one of the server's clock, as is `Date`. */
export function readRetryAfter(headers: Headers): number | undefined {
  const text = headers.get('Retry-After');
  if (text === null) return undefined;
  const waitMs = /^[0-9]+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - answeredAtMs(headers);
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

/** Browsers may hide the header of another origin from a page: then this device's clock is used. */
function answeredAtMs(headers: Headers): number {
  const date = Date.parse(headers.get('Date') ?? '');
  return Number.isNaN(date) ? Date.now() : date;
}

/** Milliseconds since some moment, by a monotonic clock if the platform has one. */
export function elapsedMs(): number {
  return typeof performance === 'undefined' ? Date.now() : performance.now();
}

/** Waits, or throws as soon as the caller gives up. */
export function wait(delayMs: number, signal: AbortSignal | undefined, idempotencyKey?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(aborted(signal, idempotencyKey));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

export function aborted(signal: AbortSignal | undefined, idempotencyKey?: string): MicroPayError {
  const detail = 'ended by its signal';
  return new MicroPayError('aborted', detail, { cause: signal?.reason, idempotencyKey });
}
