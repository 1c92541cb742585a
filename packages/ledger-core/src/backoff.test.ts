import { afterEach, describe, expect, it, vi } from 'vitest';
import { backOff, backoffMs, retry } from './backoff.js';

const BACKOFF = { firstMs: 100, maxMs: 1_000 };

afterEach(() => {
  vi.restoreAllMocks();
});

describe('backoffMs', () => {
  it('doubles the pause after each failure, up to the longest', () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    expect([1, 2, 3, 4, 5, 6, 1_000_000].map((failures) => backoffMs(BACKOFF, failures))).toEqual([
      100, 200, 400, 800, 1_000, 1_000, 1_000,
    ]);
  });

  it('backoffMs never pauses for less than half of the full length', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    expect([1, 2, 1_000].map((failures) => backoffMs(BACKOFF, failures))).toEqual([50, 100, 500]);
  });
});

describe('backOff', () => {
  it('returns early and without an error when the signal aborts', async () => {
    const stopping = new AbortController();
    const pause = backOff({ firstMs: 60_000, maxMs: 60_000 }, 1, stopping.signal);
    stopping.abort();
    await expect(pause).resolves.toBeUndefined();
    await expect(backOff({ firstMs: 60_000, maxMs: 60_000 }, 1, stopping.signal)).resolves.toBeUndefined();
  });
});

describe('retry', () => {
  const limits = { backoff: { firstMs: 1, maxMs: 1 }, attemptsMax: 3, isRetryable: () => true };

  it('returns the first result after failures that another attempt did not meet', async () => {
    const work = vi.fn().mockRejectedValueOnce(new Error('one')).mockResolvedValue('done');
    await expect(retry(work, limits)).resolves.toBe('done');
    expect(work).toHaveBeenCalledTimes(2);
  });

  it('retry throws the last error once its attempts are used up', async () => {
    const work = vi.fn().mockRejectedValueOnce(new Error('one')).mockRejectedValue(new Error('last'));
    await expect(retry(work, limits)).rejects.toThrow('last');
    expect(work).toHaveBeenCalledTimes(3);
  });

  it('retry throws an error that is not retryable at once', async () => {
    const work = vi.fn().mockRejectedValue(new Error('for good'));
    await expect(retry(work, { ...limits, isRetryable: () => false })).rejects.toThrow('for good');
    expect(work).toHaveBeenCalledTimes(1);
  });
});
