import type { Parameters } from 'fast-check';

/** Full counts with `npm run test:long`, a tenth of them otherwise. */
export const isLong = process.env.MICROPAY_TEST_LONG === '1';

export function times(full: number): number {
  return isLong ? full : Math.ceil(full / 10);
}

/**
 * The number of runs and the time limit of a property. A failure prints its seed and path: MICROPAY_TEST_SEED and
 * MICROPAY_TEST_PATH run exactly that case again.
 */
export function propertyOptions(fullRuns: number, timeLimitMs: number): Parameters<unknown> {
  const { MICROPAY_TEST_SEED: seed, MICROPAY_TEST_PATH: path } = process.env;
  return {
    numRuns: times(fullRuns),
    // A search for a smaller example ends here, and so does a run that is too slow: that one fails.
    interruptAfterTimeLimit: timeLimitMs,
    markInterruptAsFailure: true,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
  };
}
