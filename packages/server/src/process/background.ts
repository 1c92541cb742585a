import type { Logger } from 'pino';

/** Work that comes again and again beside the requests; one run ends before the next begins. */
export interface RepeatedWork {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<unknown>;
}

/** Starts the work and returns a function that stops it. A run that fails is logged, and the next one retries. */
export function runInBackground(work: readonly RepeatedWork[], log: Logger): () => void {
  const timers = work.map(({ name, everyMs, run }) => {
    let running = false;
    return setInterval(() => {
      if (running) return;
      running = true;
      run()
        .catch((error: unknown) => log.warn({ work: name, err: error }, 'background work failed'))
        .finally(() => {
          running = false;
        });
    }, everyMs).unref();
  });
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}
