import { Gauge, type Registry } from 'prom-client';
import { registerScrapedGauges } from '../metrics/scraped-gauges.js';
import type { Verifications } from './verifications.js';

/** Nothing is registered for a server that does not verify: what another one has found is that one's to show. */
export function registerVerificationMetrics(
  registry: Registry,
  {
    verifications,
    everySeconds,
  }: { readonly verifications: Pick<Verifications, 'status'>; readonly everySeconds: number },
): void {
  new Gauge({
    name: 'micropay_verify_interval_seconds',
    help: 'Time from the end of one verification to the next.',
    aggregator: 'max',
    registers: [registry],
  }).set(everySeconds);
  const read = async () => {
    const status = await verifications.status();
    if (status === undefined) throw new Error('no server has looked yet');
    return status;
  };
  registerScrapedGauges(registry, read, [
    {
      name: 'micropay_verify_age_seconds',
      help: 'Time since the last verification ended; while there was none, since a server first looked.',
      value: ({ ageSeconds }) => ageSeconds,
    },
    {
      name: 'micropay_verify_problems',
      help: 'Problems that the last verification found; 0 while there was none.',
      value: ({ problemsFound }) => problemsFound,
    },
    {
      name: 'micropay_verify_duration_seconds',
      help: 'Duration of the last verification; 0 while there was none.',
      value: ({ durationSeconds }) => durationSeconds,
    },
    {
      name: 'micropay_verify_running',
      help: '1 while a server verifies the ledger.',
      value: ({ isRunning }) => Number(isRunning),
    },
  ]);
}
