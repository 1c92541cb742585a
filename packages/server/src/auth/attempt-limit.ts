import { ProblemError } from '../http/problem.js';

const WINDOW_S = 60;
const NAMES_MAX = 50_000;

interface Bucket {
  left: number;
  atMs: number;
}

/** Counts attempts by name; the answer's headers say how many are left. */
export interface AttemptLimit {
  /** @throws {ProblemError} `rate_limited` */
  take(name: string): Readonly<Record<string, string>>;
}

/**
 * A token bucket for each name: `perMinute` attempts at once, refilled steadily. Bounded; under pressure the name
 * that was not seen for longest is forgotten. Each process counts for itself.
 */
export function createAttemptLimit(policy: string, perMinute: number): AttemptLimit {
  const buckets = new Map<string, Bucket>();

  function refill(name: string, nowMs: number): Bucket {
    const bucket = buckets.get(name) ?? { left: perMinute, atMs: nowMs };
    const refilled = ((nowMs - bucket.atMs) / 1_000) * (perMinute / WINDOW_S);
    bucket.left = Math.min(perMinute, bucket.left + refilled);
    bucket.atMs = nowMs;
    buckets.delete(name);
    buckets.set(name, bucket);
    return bucket;
  }

  function forgetOldest(): void {
    if (buckets.size <= NAMES_MAX) return;
    const [oldest] = buckets.keys();
    if (oldest !== undefined) buckets.delete(oldest);
  }

  return {
    take(name) {
      const bucket = refill(name, Date.now());
      forgetOldest();
      const refused = bucket.left < 1;
      if (!refused) bucket.left -= 1;
      const waitS = Math.ceil(Math.max(0, 1 - bucket.left) * (WINDOW_S / perMinute));
      const headers = {
        'ratelimit-policy': `"${policy}";q=${perMinute};w=${WINDOW_S}`,
        ratelimit: `"${policy}";r=${Math.floor(bucket.left)};t=${waitS}`,
      };
      if (!refused) return headers;
      throw new ProblemError('rate_limited', `wait ${waitS} seconds before the next attempt`, {
        headers: { ...headers, 'retry-after': String(waitS) },
      });
    },
  };
}
