/** npm passes Ctrl-C on, which the terminal has sent here as well: two signals within a moment are one. */
const ONE_SIGNAL_MS = 1_000;

/**
 * Listens to Ctrl-C and SIGTERM from now on. The first one aborts the returned signal, so that what is under way is
 * finished; a later one does not wait for it and ends the process with `exitCode`.
 */
export function createStopSignal(exitCode: number): AbortSignal {
  const stop = new AbortController();
  let abortedAtMs = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) {
        abortedAtMs = performance.now();
        stop.abort();
      } else if (performance.now() - abortedAtMs > ONE_SIGNAL_MS) {
        process.exit(exitCode);
      }
    });
  }
  return stop.signal;
}
