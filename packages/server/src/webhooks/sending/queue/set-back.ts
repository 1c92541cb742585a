/** Clocks that are compared differ by this much without one of them being set. */
const TOLERANCE_S = 1;
const MS_PER_S = 1_000;

/**
 * Notices that a clock was set back, by one that never is.
 *
 * @returns takes a reading of the clock, and between which times of `performance.now()` it was read. True if the clock was set
 * back since the last reading, or may have been: there was none
 */
export function createSetBackWatch(): (clockS: number, startedMs: number, endedMs: number) => boolean {
  let last: { readonly clockS: number; readonly atMs: number } | undefined;
  return (clockS, startedMs, endedMs) => {
    const expectedS = last && last.clockS + (startedMs - last.atMs) / MS_PER_S;
    last = { clockS, atMs: endedMs };
    return expectedS === undefined || clockS < expectedS - TOLERANCE_S;
  };
}
