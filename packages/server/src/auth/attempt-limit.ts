import { ProblemError } from '../http/problem.js';

const WINDOW_S = 60;
const NAMES_MAX = 50_000;

interface Bucket {
  left: number;
  atMs: number;
}

/** Counts attempts by name; the answer's headers say how many are left. */
export interface AttemptLimit {
  /**
   * Counts one attempt.
   *
   * @throws {ProblemError} `rate_limited`
   */
  take(name: string): Readonly<Record<string, string>>;
  /**
   * Refuses a name that has no attempt left, and counts nothing.
   *
   * @throws {ProblemError} `rate_limited`
   */
  check(name: string): void;
  /** Counts what turned out afterwards; more than was left is a debt, which has to be waited off. */
  charge(name: string, attempts: number): void;
}

/**
 * A token bucket for each name: `perMinute` attempts at once, refilled steadily. Bounded; under pressure the name
 * that was not seen for longest is forgotten. Each process counts for itself, by a clock that is never set back.
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

  function open(name: string): Bucket {
    const bucket = refill(name, performance.now());
    forgetOldest();
    return bucket;
  }

  function waitSecondsOf({ left }: Bucket): number {
    return Math.ceil(Math.max(0, 1 - left) * (WINDOW_S / perMinute));
  }

  function headersOf(bucket: Bucket) {
    return {
      'ratelimit-policy': `"${policy}";q=${perMinute};w=${WINDOW_S}`,
      ratelimit: `"${policy}";r=${Math.max(0, Math.floor(bucket.left))};t=${waitSecondsOf(bucket)}`,
    };
  }

  function refuseWhenEmpty(bucket: Bucket): void {
    if (bucket.left >= 1) return;
    const waitS = waitSecondsOf(bucket);
    throw new ProblemError('rate_limited', `wait ${waitS} seconds before the next attempt`, {
      headers: { ...headersOf(bucket), 'retry-after': String(waitS) },
    });
  }

  return {
    take(name) {
      const bucket = open(name);
      refuseWhenEmpty(bucket);
      bucket.left -= 1;
      return headersOf(bucket);
    },
    check(name) {
      // A name that was never charged is not remembered for asking.
      if (buckets.has(name)) refuseWhenEmpty(open(name));
    },
    charge(name, attempts) {
      open(name).left -= attempts;
    },
  };
}
