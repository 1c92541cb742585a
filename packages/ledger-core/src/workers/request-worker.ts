import { type Backoff, backOff } from '../backoff.js';
import { milliseconds, object, optional, optionalCallback, wholeNumber } from '../domain/input/arguments.js';
import { createSleep } from '../events/sleep.js';
import type { Ledger } from '../ledger/ledger-api.js';
import { ledgerWith } from '../ledger/requests.js';

export interface RequestWorkerOptions {
  readonly ledger: Ledger;
  /** Requests in one database transaction, 1 to 1,000; default 500. */
  readonly batchSizeMax?: number;
  /** The poll interval while nothing is submitted in this process; default 500. */
  readonly pollMs?: number;
  /** Called on every failure; the worker retries by itself. */
  readonly onError?: (error: unknown) => void;
}

export interface RequestWorker {
  /** Processes requests until it is stopped. */
  start(): void;
  /** Processes requests now, without waiting for the next poll. Requests submitted in this process do this by themselves. */
  readonly wake: () => void;
  /** Stops after the current batch. */
  stop(): Promise<void>;
}

const BACKOFF: Backoff = { firstMs: 100, maxMs: 5_000 };

const BATCH_SIZE_MAX = 1_000;
const readOptions = object<RequestWorkerOptions>({
  ledger: ledgerWith<Ledger>('processRequests', 'onSubmit'),
  batchSizeMax: optional(wholeNumber(1, BATCH_SIZE_MAX)),
  pollMs: optional(milliseconds),
  onError: optionalCallback,
});

/**
 * Posts transfer requests in the background. Any number of processes may run a worker: each request is processed by one of
 * them.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function createRequestWorker(options: RequestWorkerOptions): RequestWorker {
  const read = readOptions(options, 'options');
  const { ledger, batchSizeMax = 500, pollMs = 500, onError = () => undefined } = read;
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  const { sleep, wake } = createSleep(signal);

  async function run(): Promise<void> {
    const stopListening = ledger.requests.onSubmit(wake);
    let failures = 0;
    while (!signal.aborted) {
      try {
        const { posted, refused, putOff } = await ledger.requests.processRequests({ batchSizeMax, onFault: onError });
        failures = 0;
        if (posted + refused + putOff === 0) await sleep(pollMs);
      } catch (error) {
        onError(error);
        failures += 1;
        await backOff(BACKOFF, failures, signal);
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
