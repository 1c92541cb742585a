import { hash } from 'node:crypto';
import { LedgerError } from '@micropay/ledger-core';
import { hasAllowance, isForgettable, type LocalBucket, leftAtMost, newLocalBucket } from './local-bucket.js';
import { type RatePolicy, rateLimited } from './rate-limit-headers.js';
import type { BucketAnswer, BucketAsk } from './shared-buckets.js';

/** Takes from the buckets that all processes share; one without an answer is asked for again. */
export type TakeShared = (asks: readonly BucketAsk[]) => Promise<readonly BucketAnswer[]>;

/** Limits requests by name, over all processes together, with far fewer statements than requests. */
export interface RateLimits {
  /**
   * Admits one request, and returns how many are left: at once, unless it has to wait for a statement that it shares with all
   * others that wait.
   *
   * @throws {ProblemError} `rate_limited`
   * @throws {LedgerError} `overloaded` when too many names are limited at the same time
   */
  take(policy: RatePolicy, name: string): number | Promise<number>;
  /** Takes more for a request that was admitted, whatever is left: what it owes, up to a minute's, is taken from those after it. */
  takeMore(policy: RatePolicy, name: string, more: number): void;
  /** Reports what was admitted since the last time; it has to be called again and again. */
  report(): Promise<void>;
  counts(): RateLimitCounts;
}

export interface RateLimitCounts {
  readonly refusedByPolicy: ReadonlyMap<string, number>;
  readonly statements: number;
  readonly buckets: number;
}

export interface RateLimitsOptions {
  readonly takeShared: TakeShared;
  /** Milliseconds of a clock that is never set. */
  readonly now?: () => number;
  readonly bucketsMax?: number;
}

interface NamedBucket extends LocalBucket {
  readonly policy: RatePolicy;
  readonly name: string;
  waiting: Waiting[];
}

interface Waiting {
  resolve(left: number): void;
  reject(error: unknown): void;
}

/** A process sends no more than a hundred statements a second: requests that wait longer go together. */
const GAP_MS = 10;
/** Buckets in one statement. */
const ASKS_MAX = 1_000;
const BUCKETS_MAX = 50_000;
/** While the database is away, only those that wait ask it. */
const FAILED_MS = 2_000;
const FORGET_EVERY_MS = 1_000;
/** Looked at before a new name is refused because there are too many. */
const EVICTED_OF = 100;

export function createRateLimits({
  takeShared,
  now = () => performance.now(),
  bucketsMax = BUCKETS_MAX,
}: RateLimitsOptions): RateLimits {
  const buckets = new Map<string, NamedBucket>();
  /** Those with something to report, or with requests that wait. */
  const open = new Set<NamedBucket>();
  const refusedByPolicy = new Map<string, number>();
  let statements = 0;
  let reporting: Promise<void> | undefined;
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  let forgotAtMs = now();
  let isScheduled = false;

  function bucketOf(policy: RatePolicy, name: string): NamedBucket {
    const key = `${policy.policy} ${name}`;
    const known = buckets.get(key);
    if (known !== undefined) return known;
    if (buckets.size >= bucketsMax) evictOne();
    const bucket = { ...newLocalBucket(), policy, name, waiting: [] };
    buckets.set(key, bucket);
    return bucket;
  }

  /** Forgets one that can be asked for again, the oldest first. */
  function evictOne(): void {
    let looked = 0;
    for (const [key, bucket] of buckets) {
      if (!open.has(bucket) && bucket.reporting === 0) {
        buckets.delete(key);
        return;
      }
      looked += 1;
      if (looked === EVICTED_OF) break;
    }
    throw new LedgerError('overloaded', 'too many callers at the same time: try again later');
  }

  function refusalOf({ policy }: NamedBucket, left: number): Error {
    refusedByPolicy.set(policy.policy, (refusedByPolicy.get(policy.policy) ?? 0) + 1);
    return rateLimited(policy, left);
  }

  function wait(bucket: NamedBucket): Promise<number> {
    return new Promise((resolve, reject) => {
      bucket.waiting.push({ resolve, reject });
      open.add(bucket);
      schedule();
    });
  }

  function schedule(): void {
    if (isScheduled || reporting !== undefined) return;
    isScheduled = true;
    const run = () => {
      isScheduled = false;
      // Those that wait hear of what failed.
      reportOpen().catch(() => undefined);
    };
    const gapMs = reportedAtMs + GAP_MS - now();
    // After the present round of input, so that all that arrived in it is asked for together.
    if (gapMs <= 0) setImmediate(run);
    else setTimeout(run, gapMs);
  }

  function reportOpen(): Promise<void> {
    reporting ??= reportOnce().finally(() => {
      reporting = undefined;
      reportedAtMs = now();
      const isAway = now() - failedAtMs < FAILED_MS;
      if (open.size >= ASKS_MAX && !isAway) schedule();
      else for (const { waiting } of open) if (waiting.length > 0) return schedule();
    });
    return reporting;
  }

  async function reportOnce(): Promise<void> {
    forget();
    const asked = [...open].slice(0, ASKS_MAX).map(ask);
    if (asked.length === 0) return;
    try {
      statements += 1;
      const answers = await takeShared(asked.map(({ question }) => question));
      for (const answer of answers) {
        const one = asked[answer.place];
        if (one !== undefined) hear(one, answer);
      }
    } catch (error) {
      failedAtMs = now();
      for (const { bucket, waiting } of asked) {
        restore(bucket);
        for (const { reject } of waiting.splice(0)) reject(error);
      }
      throw error;
    }
    // What had no answer waits for the next statement.
    for (const { bucket, waiting } of asked) {
      if (bucket.reporting > 0) restore(bucket);
      bucket.waiting.unshift(...waiting);
      if (waiting.length > 0) open.add(bucket);
    }
  }

  function ask(bucket: NamedBucket): Asked {
    const { policy: limit, name, unreported, waiting } = bucket;
    const { policy, perMinute } = limit;
    open.delete(bucket);
    bucket.reporting = unreported;
    bucket.unreported = 0;
    bucket.waiting = [];
    const nameHash = hash('sha256', name, 'hex');
    return { bucket, waiting, question: { policy, perMinute, nameHash, spent: unreported, wanted: waiting.length } };
  }

  function hear({ bucket, waiting }: Asked, { granted, left }: BucketAnswer): void {
    bucket.reporting = 0;
    bucket.left = left;
    bucket.seenAtMs = now();
    for (const [index, { resolve, reject }] of waiting.splice(0).entries()) {
      if (index < granted) resolve(left);
      else reject(refusalOf(bucket, left));
    }
  }

  function restore(bucket: NamedBucket): void {
    bucket.unreported += bucket.reporting;
    bucket.reporting = 0;
    if (bucket.unreported > 0) open.add(bucket);
  }

  function forget(): void {
    const nowMs = now();
    if (nowMs - forgotAtMs < FORGET_EVERY_MS) return;
    forgotAtMs = nowMs;
    for (const [key, bucket] of buckets) {
      if (!open.has(bucket) && isForgettable(bucket, bucket.policy, nowMs)) buckets.delete(key);
    }
  }

  return {
    take(policy, name) {
      const bucket = bucketOf(policy, name);
      const nowMs = now();
      const left = leftAtMost(bucket, policy, nowMs);
      // A bucket that nobody has looked at yet may have been used up elsewhere, or be full.
      if (bucket.left !== undefined && left < 1) throw refusalOf(bucket, left);
      if (bucket.waiting.length > 0 || !hasAllowance(bucket, policy, nowMs)) return wait(bucket);
      bucket.unreported += 1;
      open.add(bucket);
      return left - 1;
    },
    takeMore(policy, name, more) {
      const bucket = bucketOf(policy, name);
      bucket.unreported += more;
      open.add(bucket);
    },
    async report() {
      if (now() - failedAtMs >= FAILED_MS) await reportOpen();
    },
    counts: () => ({ refusedByPolicy, statements, buckets: buckets.size }),
  };
}

interface Asked {
  readonly bucket: NamedBucket;
  readonly waiting: Waiting[];
  readonly question: BucketAsk;
}
