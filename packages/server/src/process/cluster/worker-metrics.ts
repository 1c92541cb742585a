import { AggregatorRegistry, Gauge, type Registry } from 'prom-client';
import { registerWorkerRestarts } from '../../metrics/worker-restarts.js';
import type { ProcessMetrics } from './messages.js';

/**
 * A worker that is too busy to answer is shown as it was last. Longer than a worker waits for a database that hangs, of which
 * it has to tell.
 */
const READ_TIMEOUT_MS = 4_000;
const MS_PER_S = 1_000;

/** The metrics of all workers as if they were one process. */
export interface WorkerMetrics {
  /** Takes the answer of a worker that was asked. */
  keep(worker: number, metrics: ProcessMetrics): void;
  /** Keeps the counts of a worker in the sums after its end: Prometheus takes a counter that falls for a new one. */
  bury(worker: number): void;
  /** Counts a worker that ended by itself: another one takes its place. */
  countRestart(): void;
  /** Asks these workers, and writes the metrics of all together. */
  scrape(workers: readonly number[], ask: (worker: number) => void): Promise<string>;
}

export function createWorkerMetrics(): WorkerMetrics {
  const latest = new Map<number, ProcessMetrics>();
  const waiting = new Map<number, (() => void)[]>();
  /** Their last messages may arrive after their end. */
  const buried = new Set<number>();
  let ofTheDead: Promise<ProcessMetrics> = Promise.resolve([]);
  let restarts = 0;

  function wake(worker: number): void {
    for (const resolve of waiting.get(worker) ?? []) resolve();
    waiting.delete(worker);
  }

  function answerOf(worker: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, READ_TIMEOUT_MS);
      const answered = () => {
        clearTimeout(timer);
        resolve();
      };
      waiting.set(worker, [...(waiting.get(worker) ?? []), answered]);
    });
  }

  return {
    keep(worker, metrics) {
      if (!buried.has(worker)) latest.set(worker, metrics);
      wake(worker);
    },
    bury(worker) {
      buried.add(worker);
      const counts = (latest.get(worker) ?? []).filter(isCount);
      latest.delete(worker);
      wake(worker);
      ofTheDead = ofTheDead.then((sums) => addUp([sums, counts]).getMetricsAsJSON());
    },
    countRestart() {
      restarts += 1;
    },
    async scrape(workers, ask) {
      const answers = workers.map(answerOf);
      for (const worker of workers) ask(worker);
      await Promise.all(answers);
      const registry = addUp([...latest.values(), await ofTheDead]);
      registerStart(registry);
      registerWorkerRestarts(registry, restarts);
      return registry.metrics();
    },
  };
}

/** Each metric says itself whether it is summed, or which of several values counts. */
function addUp(processes: readonly ProcessMetrics[]): Registry {
  return AggregatorRegistry.aggregate([...processes]);
}

/** prom-client types the kinds of metrics as an enumeration, and has words. */
function isCount({ type }: ProcessMetrics[number]): boolean {
  return ['counter', 'histogram'].includes(String(type));
}

/** Workers begin anew; the whole began with the primary. */
function registerStart(registry: Registry): void {
  const start = new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start time of the process since unix epoch in seconds.',
    registers: [registry],
  });
  start.set(Math.round(performance.timeOrigin / MS_PER_S));
}
