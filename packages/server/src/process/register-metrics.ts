import type { Registry } from 'prom-client';
import type { ServerPool } from '../database/connect.js';
import type { KafkaRelay } from '../kafka/create-kafka-relay.js';
import { registerRelayMetrics } from '../kafka/relay-metrics.js';
import { registerLiveMetrics } from '../live/live-metrics.js';
import { registerOldestWriterMetrics } from '../live/oldest-writer.js';
import { registerEngineStatusMetrics } from '../metrics/engine-status-metrics.js';
import { registerProcessMetrics } from '../metrics/process-metrics.js';
import type { Services } from '../services.js';
import { registerTransferRequestMetrics } from '../transfer-requests/transfer-request-metrics.js';

export interface Measured {
  readonly services: Pick<Services, 'ledger' | 'liveEvents'>;
  readonly pool: ServerPool;
  /** The relay whose lag is shown. */
  readonly relay: KafkaRelay | undefined;
}

/** Registers the metrics of this process: Node's, and those of every feature. */
export function registerMetrics(registry: Registry, { services, pool, relay }: Measured): void {
  registerProcessMetrics(registry);
  registerEngineStatusMetrics(registry, { ledger: services.ledger, pool });
  registerLiveMetrics(registry, services);
  registerTransferRequestMetrics(registry, services.ledger);
  registerOldestWriterMetrics(registry, services.ledger.events);
  if (relay !== undefined) registerRelayMetrics(registry, relay);
}
