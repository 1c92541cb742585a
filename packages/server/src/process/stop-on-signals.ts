import { LedgerError } from '@micropay/ledger-core';

/** npm passes Ctrl-C on, which the terminal has sent here as well: two signals within a moment are one. */
const ONE_SIGNAL_MS = 1_000;
const EXIT_FAILED = 1;

/** The first signal finishes what is under way; a later one does not wait for it. */
export function stopOnSignals(running: { close(): Promise<void> }): void {
  let stoppingSinceMs: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stoppingSinceMs !== undefined) {
        if (performance.now() - stoppingSinceMs > ONE_SIGNAL_MS) process.exit(EXIT_FAILED);
        return;
      }
      stoppingSinceMs = performance.now();
      running.close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error instanceof LedgerError ? `${error.code}: ${error.message}` : error);
          process.exit(EXIT_FAILED);
        },
      );
    });
  }
}
