import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAttemptLimit } from './attempt-limit.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('an attempt limit', () => {
  it('an attempt limit counts down, refuses, and says how long to wait', () => {
    const limit = createAttemptLimit('login', 3);
    const left = [1, 2, 3].map(() => limit.take('alice').ratelimit);
    expect(left).toEqual(['"login";r=2;t=0', '"login";r=1;t=0', '"login";r=0;t=20']);
    expect(() => limit.take('alice')).toThrow('wait 20 seconds');
  });

  it('an attempt limit refills steadily, up to its maximum', () => {
    const limit = createAttemptLimit('login', 3);
    for (let attempt = 0; attempt < 3; attempt += 1) limit.take('alice');
    vi.advanceTimersByTime(20_000);
    limit.take('alice');
    expect(() => limit.take('alice')).toThrow('wait');
    vi.advanceTimersByTime(3_600_000);
    expect(limit.take('alice').ratelimit).toBe('"login";r=2;t=0');
  });

  it('an attempt limit counts each name for itself', () => {
    const limit = createAttemptLimit('login', 1);
    limit.take('alice');
    expect(() => limit.take('alice')).toThrow();
    expect(limit.take('bob').ratelimit).toContain('r=0');
  });

  it('an attempt limit counts many at once, all or none', () => {
    const limit = createAttemptLimit('recipients', 60);
    limit.take('alice', 50);
    expect(() => limit.take('alice', 30)).toThrow('wait 20 seconds');
    expect(limit.take('alice', 10).ratelimit).toBe('"recipients";r=0;t=1');
  });

  it.each([-86_400_000, 86_400_000])(
    'an attempt limit counts the time that passes when the clock is set by %i ms',
    (stepMs) => {
      const limit = createAttemptLimit('login', 1);
      limit.take('alice');
      vi.setSystemTime(Date.now() + stepMs);
      expect(() => limit.take('alice')).toThrow('wait 60 seconds');
      vi.advanceTimersByTime(60_000);
      limit.take('alice');
    },
  );

  it('an attempt limit remembers who keeps trying while others flood it', () => {
    const limit = createAttemptLimit('login', 1);
    limit.take('alice');
    for (let name = 0; name < 100_000; name += 1) {
      limit.take(`flood ${name}`);
      if (name % 10_000 === 0) expect(() => limit.take('alice')).toThrow();
    }
  });
});
