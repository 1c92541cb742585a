import { setTimeout as delay } from 'node:timers/promises';
import type { DeliveryQueue, TurnResult } from './delivery-queue.js';

/** Stores the results of turns, those that end at nearly the same time in one statement. */
export interface SettleTogether {
  /** Resolves once the results are stored, or cannot be stored before this process stops. */
  settle(turn: TurnResult): Promise<void>;
  /** True while it is not known whether results are stored: then nothing may be claimed. */
  isUncertain(): boolean;
}

const GATHER_MS = 5;
const TOGETHER_MAX = 100;
const AGAIN_MS = 500;

/**
 * @param signal ends the attempts to store what cannot be stored
 */
export function createSettleTogether(
  queue: Pick<DeliveryQueue, 'settle'>,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): SettleTogether {
  let waiting: { readonly turn: TurnResult; readonly done: () => void }[] = [];
  let isRunning = false;
  let isUncertain = false;

  async function run(): Promise<void> {
    isRunning = true;
    await delay(GATHER_MS);
    while (waiting.length > 0) {
      const some = waiting.slice(0, TOGETHER_MAX);
      try {
        await queue.settle(some.map(({ turn }) => turn));
        isUncertain = false;
      } catch (error) {
        onError(error);
        isUncertain = true;
        if (!signal.aborted) {
          await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
          continue;
        }
      }
      waiting = waiting.slice(some.length);
      for (const { done } of some) done();
    }
    isRunning = false;
  }

  return {
    isUncertain: () => isUncertain,
    settle(turn) {
      return new Promise<void>((done) => {
        waiting.push({ turn, done });
        if (!isRunning) void run();
      });
    },
  };
}
