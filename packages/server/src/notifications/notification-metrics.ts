import type { Registry } from 'prom-client';
import { registerScrapedGauges } from '../metrics/scraped-gauges.js';
import type { Notifications } from './notifications.js';

export function registerNotificationMetrics(registry: Registry, status: NonNullable<Notifications['status']>): void {
  registerScrapedGauges(registry, status, [
    {
      name: 'micropay_notifications_lag_rows',
      help: 'Rows of the log of which users have not been told yet.',
      value: ({ rows }) => rows,
    },
    {
      name: 'micropay_notifications_lag_seconds',
      help: 'Age of the oldest of them; 0 when there is none.',
      value: ({ seconds }) => seconds,
    },
  ]);
}
