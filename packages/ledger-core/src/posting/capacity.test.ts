import { describe, expect, it } from 'vitest';
import { DEFAULT_CAPACITY, type EngineCapacity, toCapacity } from './capacity.js';

describe('toCapacity', () => {
  it('completes what is given with the defaults', () => {
    expect(toCapacity({ lanes: 4 })).toEqual({ ...DEFAULT_CAPACITY, lanes: 4 });
  });

  it('toCapacity takes what is undefined as not given', () => {
    expect(toCapacity({ lanes: undefined } as unknown as Partial<EngineCapacity>)).toEqual(DEFAULT_CAPACITY);
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
  ])('toCapacity refuses %s', (_, capacity) => {
    expect(() => toCapacity(capacity as Partial<EngineCapacity>)).toThrow(
      expect.objectContaining({ name: 'LedgerError', code: 'invalid_request' }),
    );
  });
});
