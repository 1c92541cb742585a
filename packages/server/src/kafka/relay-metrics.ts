import { Counter, type Registry } from 'prom-client';
import { registerScrapedGauges } from '../metrics/scraped-gauges.js';
import { KAFKA_SINK, type KafkaRelay } from './create-kafka-relay.js';

const LABELS = { sink: KAFKA_SINK };

/** If the database does not respond, only this process's own counts are there. */
export function registerRelayMetrics(registry: Registry, relay: KafkaRelay): void {
  registerTotal(registry, {
    name: 'micropay_relay_delivered_events_total',
    help: 'Events that this process has delivered.',
    read: () => relay.delivered,
  });
  registerTotal(registry, {
    name: 'micropay_relay_failures_total',
    help: 'Deliveries and connections of this process that failed and were tried again.',
    read: () => relay.failures,
  });
  registerTotal(registry, {
    name: 'micropay_relay_events_gone_total',
    help: 'How often events of a ledger were deleted before the sink had received them.',
    read: () => relay.ledgersWithGoneEvents,
  });
  registerScrapedGauges(
    registry,
    () => relay.status(),
    [
      {
        name: 'micropay_relay_lag_rows',
        help: 'Rows of the log that the sink has not taken yet.',
        value: ({ rows }) => rows,
      },
      {
        name: 'micropay_relay_lag_seconds',
        help: 'Age of the first row that the sink has not taken; 0 when it has taken all.',
        value: ({ seconds }) => seconds,
      },
      {
        name: 'micropay_relay_leader',
        help: '1 in the process that delivers, 0 in the others.',
        value: ({ isLeader }) => Number(isLeader),
      },
      {
        name: 'micropay_relay_paused',
        help: '1 while an operator has paused the sink.',
        value: ({ isPaused }) => Number(isPaused),
      },
      {
        name: 'micropay_relay_held_up',
        help: '1 while rows wait for a transaction that has written events and has not ended.',
        value: ({ isHeldUp }) => Number(isHeldUp),
      },
    ],
    { labels: LABELS },
  );
}

function registerTotal(
  registry: Registry,
  { name, help, read }: { readonly name: string; readonly help: string; readonly read: () => number },
): void {
  new Counter({
    name,
    help,
    labelNames: Object.keys(LABELS),
    registers: [registry],
    collect() {
      this.reset();
      this.inc(LABELS, read());
    },
  });
}
