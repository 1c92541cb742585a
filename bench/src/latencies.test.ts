import { describe, expect, it } from 'vitest';
import { median, percentile, summarize } from './latencies.js';

describe('latencies', () => {
  it.each([
    [[1], 0.5, 1],
    [[1, 2], 0.5, 1],
    [[1, 2, 3], 0.5, 2],
    [Array.from({ length: 100 }, (_, index) => index + 1), 0.99, 99],
    [[], 0.5, Number.NaN],
  ])('latencies of %j have the percentile %d at %d', (values, share, expected) => {
    expect(percentile(Float64Array.from(values), share)).toBe(expected);
  });

  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
  ])('latencies of %j have the median %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('latencies count every transfer of a call', () => {
    expect(summarize([2, 1, 3], 500, 100)).toEqual({ transfers: 300, transfersPerSecond: 600, p50Ms: 2, p99Ms: 3 });
  });
});
