/**
 * Turns the signals that ask a process to end into an ordinary exit, at which what it started is stopped; by default they
 * end it at once and leave that running. As soon as somebody else listens to a signal, it is theirs to answer.
 */
export function exitOnSignals(exitCode: number): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(exitCode);
    });
  }
  // A terminal that closes means the same.
  process.on('SIGHUP', () => process.kill(process.pid, 'SIGTERM'));
}
