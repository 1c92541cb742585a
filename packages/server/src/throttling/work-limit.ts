import { LedgerError } from '@micropay/ledger-core';

/**
 * Lets a few pieces of work run at once and a bounded number wait for their turn.
 *
 * @throws {LedgerError} `overloaded` when too many wait already
 */
export function createWorkLimit({ atOnceMax, waitingMax }: { atOnceMax: number; waitingMax: number }) {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (running >= atOnceMax) {
      if (waiting.length >= waitingMax)
        throw new LedgerError('overloaded', 'too many requests of this kind at the same time: try again later');
      // A finished run hands its place to the next one, so `running` does not change.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
