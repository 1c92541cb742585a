import { ProblemError } from '../errors/problem.js';

export const WINDOW_S = 60;

/** A limit, as it is configured and as the response headers call it. */
export interface RatePolicy {
  readonly policy: string;
  readonly perMinute: number;
  /** The header `RateLimit-Policy`, which is the same in each response. */
  readonly header: string;
}

export function createRatePolicy(policy: string, perMinute: number): RatePolicy {
  return { policy, perMinute, header: `"${policy}";q=${perMinute};w=${WINDOW_S}` };
}

export type RateLimitHeaders = Readonly<Record<'ratelimit-policy' | 'ratelimit', string>>;

/**
 * The headers of draft-ietf-httpapi-ratelimit-headers-11. A bucket refills steadily: `t` is the time until one more than
 * `r` is there.
 */
export function rateLimitHeaders(policy: RatePolicy, left: number): RateLimitHeaders {
  const whole = Math.max(0, Math.floor(left));
  return headersOf(policy, whole, secondsUntil(whole + 1, left, policy));
}

/** Refuses what needs so many, of which fewer are left. */
export function rateLimited(policy: RatePolicy, left: number, needed = 1): ProblemError {
  const waitS = secondsUntil(needed, left, policy);
  const headers = headersOf(policy, Math.max(0, Math.floor(left)), waitS);
  return new ProblemError('rate_limited', `wait ${waitS} seconds before the next attempt`, {
    headers: { ...headers, 'retry-after': String(waitS) },
  });
}

/** At least one: it may have refilled since it was looked at. */
function secondsUntil(needed: number, left: number, { perMinute }: RatePolicy): number {
  return Math.max(1, Math.ceil(((needed - left) * WINDOW_S) / perMinute));
}

function headersOf({ policy, header }: RatePolicy, left: number, seconds: number): RateLimitHeaders {
  return { 'ratelimit-policy': header, ratelimit: `"${policy}";r=${left};t=${seconds}` };
}
