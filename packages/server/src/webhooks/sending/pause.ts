/** A pause between two looks, which may end sooner. */
export interface Pause {
  /** Resolves after this time, or when it is woken, or at once if it was woken since the last pause. One at a time. */
  pause(ms: number): Promise<void>;
  readonly wake: () => void;
}

export function createPause(signal: AbortSignal): Pause {
  let isWoken = false;
  let end: (() => void) | undefined;
  const wake = () => {
    isWoken = true;
    end?.();
  };
  signal.addEventListener('abort', wake, { once: true });
  return {
    wake,
    async pause(ms) {
      if (!isWoken && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          end = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        end = undefined;
      }
      isWoken = false;
    },
  };
}
