import { summarize, type Window } from './latencies.js';

/** Callers at work: each makes its next call when its last one was answered. */
export interface Load {
  /** Lets them work for a while, and says what ended within it. */
  measure(durationMs: number): Promise<Window>;
  /** Lets the calls under way end. */
  stop(): Promise<void>;
}

/** Starts callers in this process. */
export function startCallers(callers: number, post: () => Promise<unknown>): Load {
  let latenciesMs: number[] = [];
  let stopped = false;

  const call = async () => {
    while (!stopped) {
      const startedAt = performance.now();
      await post();
      latenciesMs.push(performance.now() - startedAt);
    }
  };
  const working = Promise.all(Array.from({ length: callers }, call));
  // The next caller that awaits this gets the failure; until then it must not end the process.
  working.catch(() => {});

  return {
    async measure(durationMs) {
      latenciesMs = [];
      const startedAt = performance.now();
      // A caller that fails ends the wait with its error.
      await Promise.race([pause(durationMs), working]);
      return summarize(latenciesMs, performance.now() - startedAt, 1);
    },
    async stop() {
      stopped = true;
      await working;
    },
  };
}

export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
