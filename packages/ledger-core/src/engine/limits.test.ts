import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, type EngineLimits, toLimits } from './limits.js';

describe('toLimits', () => {
  it('completes what is given with the defaults', () => {
    expect(toLimits({ lanes: 4 })).toEqual({ ...DEFAULT_LIMITS, lanes: 4 });
  });

  it('toLimits takes what is undefined as not given', () => {
    expect(toLimits({ lanes: undefined } as unknown as Partial<EngineLimits>)).toEqual(DEFAULT_LIMITS);
  });

  it.each<[string, Record<string, unknown>]>([
    ['no lanes', { lanes: 0 }],
    ['half a lane', { lanes: 0.5 }],
    ['a negative time', { lockTimeoutMs: -1 }],
    ['no time to wait, which PostgreSQL takes as for ever', { lockTimeoutMs: 0 }],
    ['a text', { queueMax: '10' }],
    ['no number', { attemptsMax: Number.NaN }],
    ['no end', { batchSizeMax: Number.POSITIVE_INFINITY }],
    ['more milliseconds than a timer takes', { answerTimeoutMs: 2 ** 31 }],
    ['a limit that does not exist', { lanesMax: 4 }],
  ])('toLimits refuses %s', (_, limits) => {
    expect(() => toLimits(limits as Partial<EngineLimits>)).toThrow(
      expect.objectContaining({ name: 'LedgerError', code: 'invalid_request' }),
    );
  });
});
