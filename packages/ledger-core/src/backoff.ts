import { setTimeout as delay } from 'node:timers/promises';

/** The pauses between attempts: each is twice the one before, up to the longest. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Limits of `retry`. */
export interface RetryLimits {
  readonly backoff: Backoff;
  readonly attemptsMax: number;
  /** Tells errors that another attempt may not meet; any other error is thrown at once. */
  readonly isRetryable: (error: unknown) => boolean;
}

/**
 * Length of the pause after so many failures in a row. Between half and all of it is chosen at random, so that processes
 * that failed together do not come back together.
 */
export function backoffMs({ firstMs, maxMs }: Backoff, failures: number): number {
  return Math.min(maxMs, firstMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
}

/** Pauses after a failure. Returns early when the signal aborts. */
export async function backOff(backoff: Backoff, failures: number, signal?: AbortSignal): Promise<void> {
  await delay(backoffMs(backoff, failures), undefined, { signal }).catch(() => undefined);
}

/** Repeats work until it succeeds, fails for good or has used up its attempts; the last error is thrown. */
export async function retry<Result>(
  work: () => Promise<Result>,
  { backoff, attemptsMax, isRetryable }: RetryLimits,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isRetryable(error) || attempt >= attemptsMax) throw error;
      await backOff(backoff, attempt);
    }
  }
}
