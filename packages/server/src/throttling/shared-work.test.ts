import { expect, it, vi } from 'vitest';
import { sharedWork } from './shared-work.js';

it('runs once for all who ask within a while, and again afterwards', async () => {
  vi.useFakeTimers();
  let runs = 0;
  const shared = sharedWork(async () => {
    runs += 1;
    if (runs === 2) throw new Error('away');
    return runs;
  }, 1_000);
  expect(await Promise.all([shared(), shared()])).toEqual([1, 1]);
  vi.advanceTimersByTime(999);
  expect(await shared()).toBe(1);
  vi.advanceTimersByTime(1);
  await expect(shared()).rejects.toThrow('away');
  await expect(shared()).rejects.toThrow('away');
  vi.advanceTimersByTime(1_000);
  expect(await shared()).toBe(3);
  vi.useRealTimers();
});
