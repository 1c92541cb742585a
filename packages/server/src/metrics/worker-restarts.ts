import { Counter, type Registry } from 'prom-client';

/**
 * Registers the workers that ended by themselves and were replaced. Only the primary sees them end: a worker shows none, and
 * is left out of the sum.
 */
export function registerWorkerRestarts(registry: Registry, restarts = 0): void {
  const total = new Counter({
    name: 'micropay_worker_restarts_total',
    help: 'Workers that ended by themselves and were replaced.',
    aggregator: 'omit',
    registers: [registry],
  });
  total.inc(restarts);
}
