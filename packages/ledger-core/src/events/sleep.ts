import { setTimeout as delay } from 'node:timers/promises';

/** The pause between two polls of one loop. */
export interface Sleep {
  /**
   * Resolves after this time, or sooner when the loop is ended or woken, and at once when it was woken since the last sleep: that
   * may be about what a look under way did not see any more. One at a time.
   */
  sleep(ms: number): Promise<void>;
  /** Ends the sleep under way, or the next one. */
  readonly wake: () => void;
}

/**
 * One listener of the signal serves every sleep. What `AbortSignal.any` makes for each of them would stay with a signal
 * that lives as long as the process (nodejs/node#55351): megabytes a day.
 */
export function createSleep(signal: AbortSignal): Sleep {
  let ending: AbortController | undefined;
  let isWoken = false;
  const wake = () => {
    isWoken = true;
    ending?.abort();
  };
  signal.addEventListener('abort', wake, { once: true });
  return {
    wake,
    async sleep(ms) {
      if (!isWoken && !signal.aborted) {
        ending = new AbortController();
        await delay(ms, undefined, { signal: ending.signal }).catch(() => undefined);
        ending = undefined;
      }
      isWoken = false;
    },
  };
}
