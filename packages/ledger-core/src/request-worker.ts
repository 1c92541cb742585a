import { setTimeout as delay } from 'node:timers/promises';
import { createSleep } from './events/sleep.js';
import type { Ledger } from './ledger-api.js';

export interface RequestWorkerOptions {
  readonly ledger: Ledger;
  /** Requests in one database transaction; default 500. */
  readonly batchSizeMax?: number;
  /** Longest pause between two looks when nothing is asked for in this process; default 500. */
  readonly pollMs?: number;
  /** Told of every failure; the worker goes on by itself. */
  readonly onError?: (error: unknown) => void;
}

export interface RequestWorker {
  /** Works off requests until it is stopped. */
  start(): void;
  /** Something was requested: look now. Requests of this process wake it by themselves. */
  readonly wake: () => void;
  /** Ends after the batch under way. */
  stop(): Promise<void>;
}

const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 5_000;

/**
 * Posts requested transfers in the background. Any number of processes may run one beside the others: each takes
 * requests that no other has.
 */
export function createRequestWorker(options: RequestWorkerOptions): RequestWorker {
  const { ledger, batchSizeMax = 500, pollMs = 500, onError = () => undefined } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  const { sleep, wake } = createSleep(signal);

  async function run(): Promise<void> {
    const stopListening = ledger.requests.onSubmit(wake);
    let failures = 0;
    while (!signal.aborted) {
      try {
        const { posted, refused, putOff } = await ledger.requests.workOff({ batchSizeMax, onFault: onError });
        failures = 0;
        if (posted + refused + putOff === 0) await sleep(pollMs);
      } catch (error) {
        onError(error);
        failures += 1;
        const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures);
        await delay(backoffMs, undefined, { signal }).catch(() => undefined);
      }
    }
    stopListening();
  }

  return {
    start() {
      running ??= run();
    },
    wake,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
