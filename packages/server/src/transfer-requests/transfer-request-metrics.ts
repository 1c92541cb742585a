import type { Ledger } from '@micropay/ledger-core';
import type { Registry } from 'prom-client';
import { registerScrapedGauges } from '../metrics/scraped-gauges.js';

export function registerTransferRequestMetrics(registry: Registry, { requests }: Pick<Ledger, 'requests'>): void {
  registerScrapedGauges(registry, () => requests.backlog(), [
    {
      name: 'micropay_transfer_requests_open',
      help: 'Transfer requests of this ledger that are neither posted nor refused.',
      value: ({ rows }) => rows,
    },
    {
      name: 'micropay_transfer_requests_oldest_seconds',
      help: 'Age of the oldest open transfer request; 0 when there is none.',
      value: ({ seconds }) => seconds,
    },
  ]);
}
