import { Gauge, type Registry } from 'prom-client';
import { withDeadline } from '../throttling/deadline.js';
import { sharedWork } from '../throttling/shared-work.js';

export interface ScrapedGauge<Reading> {
  readonly name: string;
  readonly help: string;
  readonly value: (reading: Reading) => number;
}

export interface ScrapedGaugeOptions {
  /** The same labels for every gauge. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** However often it is scraped, the database is asked once a second. */
const KEPT_MS = 1_000;
const TIMEOUT_MS = 2_000;

/**
 * Registers gauges that are read together, when Prometheus scrapes. They have no sample while the database does not
 * respond: a stale number would hide that.
 */
export function registerScrapedGauges<Reading>(
  registry: Registry,
  read: () => Promise<Reading>,
  gauges: readonly ScrapedGauge<Reading>[],
  { labels = {} }: ScrapedGaugeOptions = {},
): void {
  const readOnce = sharedWork(read, KEPT_MS);
  for (const { name, help, value } of gauges) {
    new Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      // The database is the same for all workers, but each has asked at another moment.
      aggregator: 'max',
      registers: [registry],
      async collect() {
        const reading = await withDeadline(TIMEOUT_MS, readOnce(), () => new Error('too late')).catch(() => undefined);
        if (reading === undefined) this.remove(labels);
        else this.set(labels, value(reading));
      },
    });
  }
}
