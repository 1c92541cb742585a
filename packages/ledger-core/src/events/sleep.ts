import { setTimeout as delay } from 'node:timers/promises';

/** How one loop waits between two looks. */
export interface Sleep {
  /** Resolves after this time, or sooner when it is woken or the loop is ended. One at a time. */
  sleep(ms: number): Promise<void>;
  /** Ends the sleep under way, if there is one. */
  readonly wake: () => void;
}

/**
 * One listener of the signal serves every sleep. What `AbortSignal.any` makes for each of them would stay with a signal
 * that lives as long as the process (nodejs/node#55351): megabytes a day.
 */
export function createSleep(signal: AbortSignal): Sleep {
  let ending: AbortController | undefined;
  const wake = () => ending?.abort();
  signal.addEventListener('abort', wake, { once: true });
  return {
    wake,
    async sleep(ms) {
      if (signal.aborted) return;
      ending = new AbortController();
      await delay(ms, undefined, { signal: ending.signal }).catch(() => undefined);
      ending = undefined;
    },
  };
}
