import { collectDefaultMetrics, Registry } from 'prom-client';
import type { KafkaRelay } from '../kafka/create-kafka-relay.js';
import { registerRelayMetrics } from '../kafka/relay-metrics.js';
import { registerLiveMetrics } from '../live/live-metrics.js';
import { registerOldestWriterMetrics } from '../live/oldest-writer.js';
import type { Services } from '../services.js';
import { registerTransferRequestMetrics } from '../transfer-requests/transfer-request-metrics.js';

/** Gauges of prom-client's own that are named like counters, which promtool refuses. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** The metrics of this process: Node's, and those of every feature. */
export function createMetrics({
  services,
  relay,
}: {
  readonly services: Pick<Services, 'ledger' | 'liveEvents'>;
  /** The relay whose lag is shown. */
  readonly relay: KafkaRelay | undefined;
}): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  registerLiveMetrics(registry, services);
  registerTransferRequestMetrics(registry, services.ledger);
  registerOldestWriterMetrics(registry, services.ledger.events);
  if (relay !== undefined) registerRelayMetrics(registry, relay);
  return registry;
}
