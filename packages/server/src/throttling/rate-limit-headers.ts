import { ProblemError } from '../errors/problem.js';

export const WINDOW_S = 60;

/** A limit, as it is configured and as the response headers call it. */
export interface RatePolicy {
  readonly policy: string;
  readonly perMinute: number;
}

export type RateLimitHeaders = Readonly<Record<'ratelimit-policy' | 'ratelimit', string>>;

/**
 * The headers of draft-ietf-httpapi-ratelimit-headers-11. A bucket refills steadily: `t` is the time until one more than
 * `r` is there.
 */
export function rateLimitHeaders({ policy, perMinute }: RatePolicy, left: number): RateLimitHeaders {
  const whole = Math.max(0, Math.floor(left));
  return headersOf(policy, perMinute, whole, secondsUntil(whole + 1, left, perMinute));
}

/** Refuses what needs so many, of which fewer are left. */
export function rateLimited({ policy, perMinute }: RatePolicy, left: number, needed = 1): ProblemError {
  const waitS = secondsUntil(needed, left, perMinute);
  const headers = headersOf(policy, perMinute, Math.max(0, Math.floor(left)), waitS);
  return new ProblemError('rate_limited', `wait ${waitS} seconds before the next attempt`, {
    headers: { ...headers, 'retry-after': String(waitS) },
  });
}

/** At least one: it may have refilled since it was looked at. */
function secondsUntil(needed: number, left: number, perMinute: number): number {
  return Math.max(1, Math.ceil(((needed - left) * WINDOW_S) / perMinute));
}

function headersOf(policy: string, perMinute: number, left: number, seconds: number): RateLimitHeaders {
  return {
    'ratelimit-policy': `"${policy}";q=${perMinute};w=${WINDOW_S}`,
    ratelimit: `"${policy}";r=${left};t=${seconds}`,
  };
}
