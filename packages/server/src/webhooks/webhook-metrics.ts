import { Counter, type Registry } from 'prom-client';
import { registerScrapedGauges } from '../metrics/scraped-gauges.js';
import type { Webhooks } from './webhooks.js';

export function registerWebhookMetrics(registry: Registry, webhooks: Pick<Webhooks, 'attempts' | 'status'>): void {
  new Counter({
    name: 'micropay_webhook_attempts_total',
    help: 'Attempts of this process to deliver an event to an endpoint, by their result.',
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [result, count] of webhooks.attempts) this.inc({ result }, count);
    },
  });
  registerScrapedGauges(registry, webhooks.status, [
    {
      name: 'micropay_webhook_endpoints_enabled',
      help: 'Webhook endpoints of this ledger that are enabled.',
      value: ({ enabled }) => enabled,
    },
    {
      name: 'micropay_webhook_endpoints_disabled',
      help: 'Webhook endpoints of this ledger that an operator or the server has disabled.',
      value: ({ disabled }) => disabled,
    },
    {
      name: 'micropay_webhook_endpoints_given_up',
      help: 'Those of them that the server has disabled, because the receiver is gone or keeps failing.',
      value: ({ givenUp }) => givenUp,
    },
    {
      name: 'micropay_webhook_endpoints_failing',
      help: 'Enabled webhook endpoints whose last attempts failed.',
      value: ({ failing }) => failing,
    },
    {
      name: 'micropay_webhook_lag_rows',
      help: 'Rows of the log that no delivery has been made of yet.',
      value: ({ lagRows }) => lagRows,
    },
    {
      name: 'micropay_webhook_lag_seconds',
      help: 'Age of the first row that no delivery has been made of; 0 when there is none.',
      value: ({ lagSeconds }) => lagSeconds,
    },
    {
      name: 'micropay_webhook_overdue_seconds',
      help: 'For how long the most overdue endpoint has waited to be sent to; 0 when none waits.',
      value: ({ overdueSeconds }) => overdueSeconds,
    },
  ]);
}
