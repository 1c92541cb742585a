import type { Registry } from 'prom-client';
import { withDeadline } from '../../throttling/deadline.js';
import type { PrimaryMessage, WorkerMessage } from './messages.js';

/** Longer than the primary waits for the other workers. */
const SCRAPE_TIMEOUT_MS = 5_000;

/** Sends to the primary. When that has ended, Node ends this process too: nobody would give it connections. */
export function tellPrimary(message: WorkerMessage): void {
  process.send?.(message);
}

/**
 * Lets the primary read this worker's metrics, and returns a function that reads those of all workers together: a scraper
 * reaches one of them, and cannot choose which.
 */
export function shareMetrics(registry: Registry): () => Promise<string> {
  const waiting = new Map<number, (text: string) => void>();
  let scrapes = 0;
  process.on('message', (message: PrimaryMessage) => {
    if (message.kind === 'scraped') waiting.get(message.scrape)?.(message.text);
    else void answer();
  });

  async function answer(): Promise<void> {
    // Without an answer this worker is shown as it was last.
    const metrics = await registry.getMetricsAsJSON().catch(() => undefined);
    if (metrics !== undefined) tellPrimary({ kind: 'metrics', metrics });
  }

  return async () => {
    scrapes += 1;
    const scrape = scrapes;
    const scraped = new Promise<string>((resolve) => waiting.set(scrape, resolve));
    tellPrimary({ kind: 'scrape', scrape });
    try {
      return await withDeadline(SCRAPE_TIMEOUT_MS, scraped, () => new Error('the primary process did not answer'));
    } finally {
      waiting.delete(scrape);
    }
  };
}
