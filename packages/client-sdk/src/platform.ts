import { MicroPayError } from './errors.js';

/** The globals that every call needs besides `fetch`. */
export const REQUIRED = [
  'AbortController',
  'Headers',
  'Request',
  'Response',
  'clearTimeout',
  'setTimeout',
] as const satisfies readonly (keyof typeof globalThis)[];

/** Refuses a platform on which every call would fail. */
export function checkPlatform(fetch: unknown): void {
  const missing: string[] = REQUIRED.filter((name) => globalThis[name] === undefined);
  if (fetch === undefined) missing.push('fetch');
  if (missing.length > 0) throw unsupported(`has no ${missing.join(', ')}: load a polyfill first`);
}

/** An idempotency key for calls without one. */
export function createIdempotencyKey(): string {
  // Not Math.random: two intentions of one name would be one payment.
  if (typeof crypto === 'undefined' || typeof crypto.getRandomValues !== 'function') {
    throw unsupported(
      'has no crypto.getRandomValues: give an idempotencyKey with each call, or load react-native-get-random-values',
    );
  }
  // Not randomUUID: browsers have it only on pages that came over https.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Whether the platform's own `fetch` resolves before the response is complete, which a stream never is. */
export function hasStreamingFetch(): boolean {
  return 'body' in Response.prototype;
}

/** Refuses a platform that cannot read a stream, which would wait for ever. */
export function checkStreams(canStream: boolean): void {
  const missing = [
    ...(canStream ? [] : ['response.body']),
    ...(typeof TextDecoder === 'undefined' ? ['TextDecoder'] : []),
  ];
  if (missing.length === 0) return;
  throw unsupported(`has no ${missing.join(' and no ')}: load a polyfill, or give createClient a fetch that streams`);
}

/** Refuses what the platform's own classes do not take from one another, as where a test environment replaces some. */
export function platformRefused(cause: unknown): MicroPayError {
  return unsupported('refuses its own Request, Headers or AbortController', cause);
}

function unsupported(what: string, cause?: unknown): MicroPayError {
  return new MicroPayError('platform_unsupported', `this platform ${what}`, { cause });
}
