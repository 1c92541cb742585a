import type { Registry } from 'prom-client';
import { registerScrapedGauges } from '../metrics/scraped-gauges.js';
import type { MailOutbox } from './mail-outbox.js';

export function registerMailMetrics(registry: Registry, outbox: Pick<MailOutbox, 'backlog'>): void {
  registerScrapedGauges(registry, outbox.backlog, [
    {
      name: 'micropay_mails_waiting',
      help: 'Mails of this ledger that wait to be sent.',
      value: ({ waiting }) => waiting,
    },
    {
      name: 'micropay_mails_oldest_seconds',
      help: 'Age of the oldest mail that waits to be sent; 0 when there is none.',
      value: ({ oldestSeconds }) => oldestSeconds,
    },
    {
      name: 'micropay_mails_failed',
      help: 'Mails of the last seven days that were given up after the last attempt.',
      value: ({ failed }) => failed,
    },
    {
      name: 'micropay_mails_refused',
      help: 'Mails of the last seven days that the mail server refused.',
      value: ({ refused }) => refused,
    },
  ]);
}
