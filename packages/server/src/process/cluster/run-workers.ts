import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { StartError } from '../../errors/start-error.js';
import type { Greeting, PrimaryMessage, WorkerMessage } from './messages.js';
import { createWorkerMetrics } from './worker-metrics.js';

/** The pauses before a worker is replaced: each is twice the one before, up to the longest. */
const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 5_000;
/** A worker that has served for so long did not end because of its start. */
const SETTLED_MS = 1_000;
/** So many workers in a row that ended because of their start are a crash loop. */
const FAILURES_MAX = 5;
/** Longer than a worker takes to finish its requests. */
const STOP_TIMEOUT_MS = 12_000;

const FAILING =
  'workers keep ending soon after they start: the log lines above say why. Start with WORKERS=1 to run a single process';

export interface RunWorkersOptions {
  readonly count: number;
  /** Ends the workers when it aborts. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Called once, when all workers take requests for the first time, or with a new operator key when the first one does. */
  onListening(greeting: Greeting): void;
}

/** How a worker ended. */
interface End {
  readonly exitCode: number;
  readonly cause: string | number;
  /** Undefined when it never listened. */
  readonly listenedAtMs: number | undefined;
  /** Its start failed for a reason that may pass, such as a database that is away. */
  readonly isUnavailable: boolean;
}

interface RunningWorker {
  readonly worker: Worker;
  /** Undefined if it ended before it listened. */
  readonly listening: Promise<Greeting | undefined>;
  readonly ended: Promise<End>;
}

/**
 * Runs this program in several processes that take the connections of one port in turn, and replaces those that end. The
 * first one starts alone: it migrates and makes the operator's key for all.
 *
 * @returns the exit code: 0 if all were asked to stop and did so in order
 * @throws {StartError} `workers_failing`
 */
export async function runWorkers({ count, signal, log, onListening }: RunWorkersOptions): Promise<number> {
  // Not the default: as JSON, a metric that is not a number would be null.
  cluster.setupPrimary({ serialization: 'advanced' });
  const metrics = createWorkerMetrics();
  const failing = new AbortController();
  const stopping = AbortSignal.any([signal, failing.signal]);
  stopping.addEventListener('abort', stopAll, { once: true });

  function fork(): RunningWorker {
    const worker = cluster.fork();
    const state: { listenedAtMs: number | undefined; isUnavailable: boolean } = {
      listenedAtMs: undefined,
      isUnavailable: false,
    };
    // Not by `once` of node:events, which rejects when a worker that is gone cannot be sent a connection.
    const exit = new Promise<[number | null, string | null]>((resolve) => {
      worker.once('exit', (code, cause) => resolve([code, cause]));
      // One that could not be made never exits.
      worker.once('error', () => worker.process.pid === undefined && resolve([null, null]));
    });
    const listening = new Promise<Greeting | undefined>((resolve) => {
      worker.on('message', (message: WorkerMessage) => {
        switch (message.kind) {
          case 'listening':
            state.listenedAtMs = performance.now();
            return resolve(message.greeting);
          case 'unavailable':
            state.isUnavailable = true;
            return;
          case 'metrics':
            return metrics.keep(worker.id, message.metrics);
          case 'scrape':
            void answerScrape(worker, message.scrape);
        }
      });
      worker.on('error', (err) => log.warn({ worker: worker.id, err }, 'a worker cannot be reached'));
      void exit.then(() => resolve(undefined));
    });
    const ended = exit.then(([code, cause]): End => {
      metrics.bury(worker.id);
      return { exitCode: code ?? 1, cause: cause ?? code ?? 1, ...state };
    });
    // Asked to stop while it was made.
    if (stopping.aborted) worker.process.kill();
    return { worker, listening, ended };
  }

  async function answerScrape(asking: Worker, scrape: number): Promise<void> {
    const workers = connected();
    const text = await metrics.scrape(
      workers.map(({ id }) => id),
      (id) => tell(cluster.workers?.[id], { kind: 'read metrics' }),
    );
    tell(asking, { kind: 'scraped', scrape, text });
  }

  /** Replaces the worker of one place until all are to stop; returns the last one's exit code. */
  async function keepRunning(first: RunningWorker): Promise<number> {
    let running = first;
    let failures = 0;
    let pauses = 0;
    for (;;) {
      const end = await running.ended;
      if (stopping.aborted) return exitCodeOf(end);
      log.error({ worker: running.worker.id, cause: end.cause }, 'a worker ended and is replaced');
      metrics.countRestart();
      if (hasSettled(end)) failures = pauses = 0;
      // The others may do without the database for as long as it is away, and so may this one.
      else if (!end.isUnavailable) failures += 1;
      if (failures >= FAILURES_MAX) failing.abort();
      pauses += 1;
      await delay(pauseMs(pauses), undefined, { signal: stopping }).catch(() => undefined);
      if (stopping.aborted) return 0;
      running = fork();
    }
  }

  const first = fork();
  const greeting = await first.listening;
  if (greeting === undefined) {
    const end = await first.ended;
    return stopping.aborted ? exitCodeOf(end) : end.exitCode;
  }
  // A key that is shown once does not wait for the other workers.
  const isKeyNew = greeting.value.newOperatorKey !== undefined;
  if (isKeyNew) onListening(greeting);
  const all = [first, ...Array.from({ length: count - 1 }, fork)];
  const kept = Promise.all(all.map(keepRunning));
  await Promise.all(all.map(({ listening }) => listening));
  if (!isKeyNew && !stopping.aborted) onListening(greeting);
  const exitCodes = await kept;
  if (failing.signal.aborted) throw new StartError('workers_failing', FAILING);
  return Math.max(...exitCodes);
}

function connected(): readonly Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected()) as readonly Worker[];
}

function tell(worker: Worker | undefined, message: PrimaryMessage): void {
  // One that has just ended is in the list for a moment.
  if (worker?.isConnected()) worker.send(message, () => undefined);
}

function stopAll(): void {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
  setTimeout(() => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
  }, STOP_TIMEOUT_MS).unref();
}

function hasSettled({ listenedAtMs }: End): boolean {
  return listenedAtMs !== undefined && performance.now() - listenedAtMs > SETTLED_MS;
}

/** The exit code of a worker that was asked to stop. One that was still starting did not listen to signals yet. */
function exitCodeOf({ exitCode, cause, listenedAtMs }: End): number {
  return cause === 'SIGTERM' && listenedAtMs === undefined ? 0 : exitCode;
}

function pauseMs(pauses: number): number {
  return Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (pauses - 1));
}
