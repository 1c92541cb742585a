import { setTimeout as delay } from 'node:timers/promises';
import type { MainProcess } from '../support/run-main.js';

/** A program that is started again whenever it ends, as a service manager does. */
export interface Supervised {
  /** Kills it with SIGKILL. */
  kill(): void;
  /** Resolves when a run that was started after the last kill says that it is ready. */
  untilReady(): Promise<void>;
  /** The number of times that it ended by itself. */
  readonly endings: number;
  /** The output of the last run. */
  output(): string;
  /** Ends it for good. */
  stop(): Promise<void>;
}

const RESTART_MS = 200;
const POLL_MS = 50;

export function supervise(start: () => MainProcess, ready: RegExp): Supervised {
  let current = start();
  let stopped = false;
  let wasKilled = false;
  let endings = 0;

  async function keepRunning(): Promise<void> {
    for (;;) {
      await current.ended();
      if (stopped) return;
      if (!wasKilled) endings += 1;
      await delay(RESTART_MS);
      if (stopped) return;
      current = start();
      wasKilled = false;
    }
  }
  const running = keepRunning();

  return {
    kill() {
      wasKilled = true;
      current.child.kill('SIGKILL');
    },
    async untilReady() {
      while (wasKilled || !ready.test(current.output())) {
        if (stopped) return;
        await delay(POLL_MS);
      }
    },
    get endings() {
      return endings;
    },
    output: () => current.output(),
    async stop() {
      stopped = true;
      current.child.kill('SIGKILL');
      await running;
    },
  };
}
