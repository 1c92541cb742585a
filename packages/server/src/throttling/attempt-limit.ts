import { LRUCache } from 'lru-cache';
import { ProblemError } from '../errors/problem.js';

const WINDOW_S = 60;
const NAMES_MAX = 50_000;

interface Bucket {
  left: number;
  atMs: number;
}

/** Counts attempts by name; response headers say how many are left. */
export interface AttemptLimit {
  /**
   * Counts attempts, one when their number is left out: all of them or, when fewer are left, none.
   *
   * @throws {ProblemError} `rate_limited`
   */
  take(name: string, attempts?: number): Readonly<Record<string, string>>;
}

/**
 * A token bucket for each name: `perMinute` attempts at once, refilled steadily. Bounded; under pressure the name
 * that was not seen for longest is forgotten. Each process counts for itself, by a clock that is never set back.
 */
export function createAttemptLimit(policy: string, perMinute: number): AttemptLimit {
  const buckets = new LRUCache<string, Bucket>({ max: NAMES_MAX });

  function open(name: string): Bucket {
    const nowMs = performance.now();
    const bucket = buckets.get(name) ?? { left: perMinute, atMs: nowMs };
    const refilled = ((nowMs - bucket.atMs) / 1_000) * (perMinute / WINDOW_S);
    bucket.left = Math.min(perMinute, bucket.left + refilled);
    bucket.atMs = nowMs;
    buckets.set(name, bucket);
    return bucket;
  }

  function waitSecondsOf({ left }: Bucket, attempts: number): number {
    return Math.ceil(Math.max(0, attempts - left) * (WINDOW_S / perMinute));
  }

  function headersOf(bucket: Bucket, attempts: number) {
    return {
      'ratelimit-policy': `"${policy}";q=${perMinute};w=${WINDOW_S}`,
      ratelimit: `"${policy}";r=${Math.max(0, Math.floor(bucket.left))};t=${waitSecondsOf(bucket, attempts)}`,
    };
  }

  function refuseWhenEmpty(bucket: Bucket, attempts: number): void {
    if (bucket.left >= attempts) return;
    const waitS = waitSecondsOf(bucket, attempts);
    throw new ProblemError('rate_limited', `wait ${waitS} seconds before the next attempt`, {
      headers: { ...headersOf(bucket, attempts), 'retry-after': String(waitS) },
    });
  }

  return {
    take(name, attempts = 1) {
      const bucket = open(name);
      refuseWhenEmpty(bucket, attempts);
      bucket.left -= attempts;
      return headersOf(bucket, 1);
    },
  };
}
