/** Resolves once the signal is aborted. */
export function waitForStop(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Waits for work until the process is asked to stop; then it returns undefined and abandons the work. */
export function untilStopped<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result | undefined> {
  return Promise.race([work, waitForStop(signal).then(() => undefined)]);
}
