import { expect, it } from 'vitest';
import { createSetBackWatch } from './set-back.js';

it.each<[string, readonly (readonly [clockS: number, startedMs: number, endedMs: number])[], boolean]>([
  [
    'that goes on is not set back',
    [
      [100, 0, 10],
      [101, 1_000, 1_010],
    ],
    false,
  ],
  [
    'that is set forward is not set back',
    [
      [100, 0, 10],
      [9_999, 1_000, 1_010],
    ],
    false,
  ],
  [
    'that is read slowly is not set back',
    [
      [100, 0, 10],
      [101, 1_000, 9_000],
      [102, 9_500, 9_510],
    ],
    false,
  ],
  [
    'that is set back by an hour is',
    [
      [4_000, 0, 10],
      [401, 1_000, 1_010],
    ],
    true,
  ],
  [
    'that is set back by less than has passed since is',
    [
      [100, 0, 10],
      [105, 60_000, 60_010],
    ],
    true,
  ],
  ['that was read for the first time may have been', [[100, 0, 10]], true],
])('a clock %s', (_name, readings, expected) => {
  const wasSetBack = createSetBackWatch();
  expect(readings.map((reading) => wasSetBack(...reading)).at(-1)).toBe(expected);
});
