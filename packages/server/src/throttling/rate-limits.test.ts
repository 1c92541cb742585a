import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRatePolicy, WINDOW_S } from './rate-limit-headers.js';
import { createRateLimits, type RateLimits, type TakeShared } from './rate-limits.js';

const WINDOW_MS = WINDOW_S * 1_000;
const RUNS = process.env.MICROPAY_TEST_LONG === '1' ? 500 : 50;
const REPORT_MS = 250;
const policyOf = (perMinute: number) => createRatePolicy('user-write', perMinute);

/** A bucket that refills steadily, and owes no more than it holds. */
function createBucket(perMinute: number) {
  let fullAtMs = 0;
  const unitMs = WINDOW_MS / perMinute;
  return {
    left: () => (WINDOW_MS - Math.max(0, fullAtMs - performance.now())) / unitMs,
    take(count: number) {
      const nowMs = performance.now();
      fullAtMs = Math.min(Math.max(fullAtMs, nowMs) + count * unitMs, nowMs + 2 * WINDOW_MS);
    },
  };
}

/** The buckets of a database: it takes a while to hear, and to answer. */
function createShared(latencyMs: () => number): TakeShared {
  const buckets = new Map<string, ReturnType<typeof createBucket>>();
  const pause = () => new Promise((resolve) => setTimeout(resolve, latencyMs()));
  return async (asks) => {
    await pause();
    const answers = asks.map(({ nameHash, perMinute, spent, wanted }, place) => {
      const bucket = buckets.get(nameHash) ?? createBucket(perMinute);
      buckets.set(nameHash, bucket);
      bucket.take(spent);
      const granted = Math.max(0, Math.min(wanted, Math.floor(bucket.left() + 1e-4)));
      bucket.take(granted);
      return { place, granted, left: bucket.left() };
    });
    await pause();
    return answers;
  };
}

function start(takeShared: TakeShared): RateLimits {
  const limits = createRateLimits({ takeShared });
  setInterval(() => void limits.report().catch(() => undefined), REPORT_MS);
  return limits;
}

const isAdmitted = (limits: RateLimits, perMinute: number, name = 'alice') =>
  Promise.resolve()
    .then(() => limits.take(policyOf(perMinute), name))
    .then(
      () => true,
      () => false,
    );

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** One burst of requests that reach one of the processes. */
const burst = fc.record({
  process: fc.nat(1),
  afterMs: fc.oneof(fc.constant(0), fc.nat(50), fc.nat(3_000)),
  /** Of a minute's requests. */
  share: fc.double({ min: 0, max: 0.6, noNaN: true }),
});

describe('rate limits of two processes', () => {
  it('rate limits of two processes admit at most five percent more than one bucket would, and refuse nothing while five percent are left', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(10, 60, 600, 3_000),
        fc.array(burst, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(20), { minLength: 1, maxLength: 20 }),
        async (perMinute, bursts, latencies) => {
          let asked = 0;
          const latencyMs = () => {
            asked += 1;
            return latencies[asked % latencies.length] as number;
          };
          const shared = createShared(latencyMs);
          const processes = [start(shared), start(shared)];
          const ideal = createBucket(perMinute);
          const tolerated = perMinute * 0.05;
          const faults: string[] = [];
          let open = 0;
          for (const { process, afterMs, share } of bursts) {
            await vi.advanceTimersByTimeAsync(afterMs);
            for (let request = 0; request <= share * perMinute; request += 1) {
              open += 1;
              void isAdmitted(processes[process] as RateLimits, perMinute).then((admitted) => {
                open -= 1;
                const left = ideal.left();
                if (admitted) {
                  ideal.take(1);
                  if (left - 1 < -tolerated - 1e-3) faults.push(`admitted with ${left} left`);
                  // What is still under way may have been granted.
                } else if (left - open > tolerated + 1) faults.push(`refused with ${left} left`);
              });
            }
          }
          await vi.advanceTimersByTimeAsync(5_000);
          vi.clearAllTimers();
          expect([open, faults]).toEqual([0, []]);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('rate limits of two processes admit a steady flood at exactly the rate at which the bucket refills', async () => {
    const perMinute = 600;
    const shared = createShared(() => 5);
    const processes = [start(shared), start(shared)];
    let admitted = 0;
    const minutes = 5;
    for (let elapsedMs = 0; elapsedMs < minutes * WINDOW_MS; elapsedMs += 20) {
      for (const limits of processes) {
        void isAdmitted(limits, perMinute).then((is) => {
          admitted += Number(is);
        });
      }
      await vi.advanceTimersByTimeAsync(20);
    }
    const due = perMinute * (minutes + 1);
    expect(admitted / due).toBeGreaterThan(0.98);
    expect(admitted / due).toBeLessThan(1.01);
  });
});

describe('rate limits', () => {
  it('rate limits cost a busy caller a fraction of a statement a request, and a caller alone waits for none', async () => {
    const asks = vi.fn(createShared(() => 5));
    const limits = start(asks);
    const outcomes: unknown[] = [];
    expect(limits.take(policyOf(60_000), 'alone')).not.toBeInstanceOf(Promise);
    for (let elapsedMs = 0; elapsedMs < 10_000; elapsedMs += 10) {
      for (let request = 0; request < 5; request += 1) outcomes.push(limits.take(policyOf(60_000), 'alice'));
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(outcomes).toHaveLength(5_000);
    expect(await Promise.all(outcomes)).toHaveLength(5_000);
    expect(asks.mock.calls.length).toBeLessThan(60);
    expect(limits.counts().statements).toBe(asks.mock.calls.length);
  });

  it('rate limits refuse a caller who goes on beyond the limit without a statement', async () => {
    const asks = vi.fn(createShared(() => 1));
    const limits = start(asks);
    const first = Array.from({ length: 20 }, () => isAdmitted(limits, 10));
    await vi.advanceTimersByTimeAsync(100);
    expect((await Promise.all(first)).filter(Boolean)).toHaveLength(10);
    const statements = asks.mock.calls.length;
    for (let request = 0; request < 1_000; request += 1) {
      expect(() => limits.take(policyOf(10), 'alice')).toThrow(/^wait 6 seconds/);
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asks.mock.calls.length).toBe(statements);
    expect(limits.counts().refusedByPolicy.get('user-write')).toBe(1_010);
    await vi.advanceTimersByTimeAsync(5_000);
    const next = isAdmitted(limits, 10);
    await vi.advanceTimersByTimeAsync(20);
    expect(await next).toBe(true);
  });

  it('rate limits keep no name in memory that they can ask for again, and never more than a bounded number', async () => {
    const limits = createRateLimits({ takeShared: createShared(() => 1), bucketsMax: 100 });
    for (let round = 0; round < 5; round += 1) {
      for (let name = 0; name < 90; name += 1) await limits.take(policyOf(600), `${round}-${name}`);
      expect(limits.counts().buckets).toBeLessThanOrEqual(100);
      const reported = limits.report();
      await vi.advanceTimersByTimeAsync(10);
      await reported;
    }
    for (let name = 0; name < 100; name += 1) void limits.take(policyOf(600), `open-${name}`);
    expect(() => limits.take(policyOf(600), 'one-more')).toThrow('too many callers');
    const reported = limits.report();
    await vi.advanceTimersByTimeAsync(2_000);
    await reported;
    void limits.take(policyOf(600), 'last');
    void limits.report();
    await vi.advanceTimersByTimeAsync(10);
    expect(limits.counts().buckets).toBe(1);
  });

  it('rate limits that cannot be asked fail the requests that wait, and count what was admitted when they can again', async () => {
    let isAway = true;
    const shared = createShared(() => 1);
    const limits = start(async (asks) => {
      if (isAway) throw new Error('away');
      return shared(asks);
    });
    void limits.take(policyOf(60), 'alice');
    const waiting = Promise.resolve(limits.take(policyOf(60), 'alice')).catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(20);
    expect(await waiting).toBe('away');
    isAway = false;
    await vi.advanceTimersByTimeAsync(3_000);
    const next = limits.take(policyOf(60), 'alice');
    await vi.advanceTimersByTimeAsync(20);
    // One of sixty before, and this one; three of it have refilled.
    expect(Math.floor(await next)).toBe(59);
  });

  it('rate limits ask again for a bucket that had no answer', async () => {
    const shared = createShared(() => 1);
    let asked = 0;
    const limits = start(async (asks) => {
      asked += 1;
      const answers = await shared(asks);
      return asked === 1 ? [] : answers;
    });
    const admitted = Array.from({ length: 3 }, () => isAdmitted(limits, 10));
    await vi.advanceTimersByTimeAsync(100);
    expect(await Promise.all(admitted)).toEqual([true, true, true]);
    expect(asked).toBe(2);
  });

  it('rate limits tell of thousands of callers at once, a thousand in a statement', async () => {
    const asks = vi.fn(createShared(() => 1));
    const limits = start(asks);
    for (let name = 0; name < 5_000; name += 1) void limits.take(policyOf(600), `caller-${name}`);
    await vi.advanceTimersByTimeAsync(REPORT_MS + 100);
    expect(asks.mock.calls.map(([asked]) => asked.length)).toEqual(Array(5).fill(1_000));
  });

  it('rate limits take what a batch owes from the requests after it', async () => {
    const limits = start(createShared(() => 1));
    const first = limits.take(policyOf(60), 'alice');
    limits.takeMore(policyOf(60), 'alice', 69);
    await first;
    await vi.advanceTimersByTimeAsync(500);
    expect(() => limits.take(policyOf(60), 'alice')).toThrow(/^wait 1[01] seconds/);
  });

  it('rate limits let a caller wait a minute more and no longer, however much a batch owes', async () => {
    const limits = start(createShared(() => 1));
    void limits.take(policyOf(60), 'alice');
    await vi.advanceTimersByTimeAsync(REPORT_MS + 50);
    limits.takeMore(policyOf(60), 'alice', 599);
    // Before the debt is reported, and after it.
    for (const reportedAfterMs of [REPORT_MS + 50, 0]) {
      const next = Promise.resolve().then(() => limits.take(policyOf(60), 'alice'));
      await Promise.all([expect(next).rejects.toThrow(/^wait 6[01] seconds/), vi.advanceTimersByTimeAsync(20)]);
      await vi.advanceTimersByTimeAsync(reportedAfterMs);
    }
    await vi.advanceTimersByTimeAsync(61_000);
    const next = isAdmitted(limits, 60);
    await vi.advanceTimersByTimeAsync(20);
    expect(await next).toBe(true);
  });
});
