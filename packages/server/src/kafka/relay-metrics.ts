import type { RelayStatus } from '@micropay/ledger-core';
import { withDeadline } from '../throttling/deadline.js';
import { sharedWork } from '../throttling/shared-work.js';
import { KAFKA_SINK, type KafkaRelay } from './create-kafka-relay.js';

const LABEL = `{sink="${KAFKA_SINK}"}`;
/** However often it is scraped, the lag is counted once a second. */
const STATUS_KEPT_MS = 1_000;
const STATUS_TIMEOUT_MS = 2_000;

/** Prometheus lines about the relay. If the database does not respond, only this process's own counts are there. */
export function createRelayMetrics(relay: KafkaRelay): () => Promise<readonly string[]> {
  const readStatus = sharedWork(() => relay.status(), STATUS_KEPT_MS);
  return async () => {
    const status = await withDeadline(STATUS_TIMEOUT_MS, readStatus(), () => new Error('too late')).catch(
      () => undefined,
    );
    return [...counterLines(relay), ...(status === undefined ? [] : statusLines(status))];
  };
}

function counterLines({ delivered, failures }: KafkaRelay): string[] {
  return [
    '# HELP micropay_relay_delivered_events_total Events that this process has delivered.',
    '# TYPE micropay_relay_delivered_events_total counter',
    `micropay_relay_delivered_events_total${LABEL} ${delivered}`,
    '# HELP micropay_relay_failures_total Deliveries and connections of this process that failed and were tried again.',
    '# TYPE micropay_relay_failures_total counter',
    `micropay_relay_failures_total${LABEL} ${failures}`,
  ];
}

function statusLines({ rows, seconds, isLeader, isPaused, isHeldUp }: RelayStatus): string[] {
  return [
    '# HELP micropay_relay_lag_rows Rows of the log that the sink has not taken yet.',
    ...gauge('lag_rows', rows),
    '# HELP micropay_relay_lag_seconds Age of the first row that the sink has not taken.',
    ...gauge('lag_seconds', seconds),
    '# HELP micropay_relay_leader 1 in the process that delivers.',
    ...gauge('leader', Number(isLeader)),
    ...gauge('paused', Number(isPaused)),
    '# HELP micropay_relay_held_up 1 when rows wait for a transaction that has written and has not ended.',
    ...gauge('held_up', Number(isHeldUp)),
  ];
}

function gauge(name: string, value: number): string[] {
  return [`# TYPE micropay_relay_${name} gauge`, `micropay_relay_${name}${LABEL} ${value}`];
}
