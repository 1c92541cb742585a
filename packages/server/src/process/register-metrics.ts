import type { Registry } from 'prom-client';
import type { ServerPool } from '../database/connect.js';
import type { KafkaRelay } from '../kafka/create-kafka-relay.js';
import { registerRelayMetrics } from '../kafka/relay-metrics.js';
import { registerPartitionMetrics } from '../ledger/journal-partitions.js';
import { registerLiveMetrics } from '../live/live-metrics.js';
import { registerOldestWriterMetrics } from '../live/oldest-writer.js';
import { registerMailMetrics } from '../mail/mail-metrics.js';
import type { MailOutbox } from '../mail/mail-outbox.js';
import { registerEngineStatusMetrics } from '../metrics/engine-status-metrics.js';
import { registerProcessMetrics } from '../metrics/process-metrics.js';
import { registerWorkerRestarts } from '../metrics/worker-restarts.js';
import { registerNotificationMetrics } from '../notifications/notification-metrics.js';
import type { IssuerKeys } from '../oidc/issuer-keys.js';
import { registerIssuerMetrics } from '../oidc/issuer-metrics.js';
import { registerReadinessMetric } from '../service/readiness.js';
import type { Services } from '../services.js';
import { registerRateLimitMetrics } from '../throttling/rate-limit-metrics.js';
import type { RateLimits } from '../throttling/rate-limits.js';
import { registerTransferRequestMetrics } from '../transfer-requests/transfer-request-metrics.js';
import { registerVerificationMetrics } from '../verification/verification-metrics.js';
import type { Verifications } from '../verification/verifications.js';
import { registerWebhookMetrics } from '../webhooks/webhook-metrics.js';

export interface Measured {
  readonly services: Pick<Services, 'ledger' | 'database' | 'checkReady' | 'liveEvents' | 'webhooks' | 'notifications'>;
  readonly rateLimits: RateLimits;
  readonly pool: ServerPool;
  /** The relay whose lag is shown. */
  readonly relay: KafkaRelay | undefined;
  /** Undefined for a server that sends no mail. */
  readonly outbox?: MailOutbox | undefined;
  /** The keys of the other issuer, if there is one. */
  readonly issuerKeys?: IssuerKeys | undefined;
  readonly verifications: Verifications;
  /** 0 for a server that does not verify. */
  readonly verifyEverySeconds: number;
}

/** Registers the metrics of this process: Node's, and those of every feature. */
export function registerMetrics(registry: Registry, measured: Measured): void {
  const {
    services,
    rateLimits,
    pool,
    relay,
    outbox,
    issuerKeys,
    verifications,
    verifyEverySeconds: everySeconds,
  } = measured;
  registerProcessMetrics(registry);
  registerWorkerRestarts(registry);
  registerReadinessMetric(registry, services.checkReady);
  registerEngineStatusMetrics(registry, { ledger: services.ledger, pool });
  registerRateLimitMetrics(registry, rateLimits);
  registerLiveMetrics(registry, services);
  registerWebhookMetrics(registry, services.webhooks);
  registerTransferRequestMetrics(registry, services.ledger);
  registerOldestWriterMetrics(registry, services.ledger.events);
  registerPartitionMetrics(registry, services.ledger);
  if (everySeconds > 0) registerVerificationMetrics(registry, { verifications, everySeconds });
  if (services.notifications.status !== undefined) registerNotificationMetrics(registry, services.notifications.status);
  if (outbox !== undefined) registerMailMetrics(registry, outbox);
  if (issuerKeys !== undefined) registerIssuerMetrics(registry, issuerKeys);
  if (relay !== undefined) registerRelayMetrics(registry, relay);
}
