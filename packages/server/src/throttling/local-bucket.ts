import type { RatePolicy } from './rate-limit-headers.js';
import { WINDOW_S } from './rate-limit-headers.js';

const WINDOW_MS = WINDOW_S * 1_000;
/** The part of a minute's requests that a process may admit before the shared bucket has heard of them. */
const ALLOWANCE_SHARE = 0.02;
/** The part of what was left that it may admit so: ten processes that have seen the same do not take more than there is. */
const ALLOWANCE_OF_LEFT = 0.1;
/** After so long, others may have taken most of what was left. */
export const SEEN_MS = 1_000;

/** What one process knows of a bucket that it shares with others, and has not told them yet. */
export interface LocalBucket {
  /** Admitted, and no statement has taken them from the shared bucket yet. */
  unreported: number;
  /** Those of the statement under way. */
  reporting: number;
  /** What was left after the last statement, which may be less than nothing. Undefined before the first one. */
  left: number | undefined;
  seenAtMs: number;
}

export function newLocalBucket(): LocalBucket {
  return { unreported: 0, reporting: 0, left: undefined, seenAtMs: 0 };
}

/**
 * The most that can be left now. Others may have taken from it since; nobody puts anything back, so if this is less than one,
 * a request can be refused without asking.
 */
export function leftAtMost(bucket: LocalBucket, { perMinute }: RatePolicy, nowMs: number): number {
  const { left = perMinute, seenAtMs, unreported, reporting } = bucket;
  const refilled = ((nowMs - seenAtMs) * perMinute) / WINDOW_MS;
  // As the shared bucket forgives what is owed beyond a minute's requests.
  return Math.max(-perMinute, Math.min(perMinute, left + refilled) - unreported - reporting);
}

/**
 * Whether a request may be admitted at once, and reported with the next statement. A process that knows nothing may admit one:
 * most callers have one request under way, and none of them waits for a statement. Limits below fifty a minute are exact.
 */
export function hasAllowance(bucket: LocalBucket, { perMinute }: RatePolicy, nowMs: number): boolean {
  const share = Math.floor(perMinute * ALLOWANCE_SHARE);
  const { left, seenAtMs, unreported, reporting } = bucket;
  const isSeen = left !== undefined && nowMs - seenAtMs < SEEN_MS;
  const allowance = isSeen ? Math.min(share, Math.floor(left * ALLOWANCE_OF_LEFT)) : Math.min(share, 1);
  return unreported + reporting < allowance;
}

/** Whether nothing is lost by forgetting it. */
export function isForgettable(bucket: LocalBucket, policy: RatePolicy, nowMs: number): boolean {
  if (bucket.unreported > 0 || bucket.reporting > 0) return false;
  return nowMs - bucket.seenAtMs >= SEEN_MS && leftAtMost(bucket, policy, nowMs) >= 1;
}
