import { createLedger, createRequestWorker, LedgerError } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { createApp } from '../app.js';
import { connect, createServerPool } from '../database/connect.js';
import { StartError } from '../errors/start-error.js';
import { listen } from '../http/serving/listen.js';
import { createKafkaRelay } from '../kafka/create-kafka-relay.js';
import { takeCommands } from '../kafka/take-commands.js';
import { createPartitionKeeper } from '../ledger/journal-partitions.js';
import { createOldestWriterReport } from '../live/oldest-writer.js';
import { createBatchMetrics } from '../metrics/batch-metrics.js';
import { withDeadline } from '../throttling/deadline.js';
import { createScheduledVerification } from '../verification/scheduled-verification.js';
import { createVerifications } from '../verification/verifications.js';
import { hasWebhookEndpoints } from '../webhooks/endpoints/has-endpoints.js';
import { runInBackground } from './background.js';
import { checkConfig } from './check-config.js';
import type { Config } from './config.js';
import { createMailing, warnOfMails } from './create-mailing.js';
import { createServices } from './create-services.js';
import { createLog } from './log.js';
import { migrateServer, refuseOutdatedTables } from './migrate-server.js';
import { registerMetrics } from './register-metrics.js';
import { startTracing } from './tracing/start-tracing.js';

const SHUTDOWN_TIMEOUT_MS = 10_000;
/** Leaves the connections to the database a moment to end in order. */
const REQUESTS_TIMEOUT_MS = 9_000;

const OPEN_WRITERS_MS = 5_000;
const PARTITIONS_MS = 300_000;
const ENDED_MAILS_MS = 3_600_000;
const VERIFY_EVERY_SECONDS = 86_400;

const HANGS =
  'the database did not answer in time: its connections were abandoned, and the outcome of their last statements is unknown';

/** Those of the ledger, and one for the server's own tables. */
const CONNECTIONS_MIN = 5;
/** One for the state of the relay, and one for its lead. */
const RELAY_CONNECTIONS = 2;

/** Those of a relay, and one that writes. */
const NOTIFICATION_CONNECTIONS = RELAY_CONNECTIONS + 1;
/** Those of a relay, and one that writes and sends. */
const WEBHOOK_CONNECTIONS = RELAY_CONNECTIONS + 1;

/** @param webhooks whether the ledger has endpoints that they are sent to */
function connectionsMin({ kafka, notifications = false }: Config, webhooks: boolean): number {
  return (
    CONNECTIONS_MIN +
    (kafka === undefined ? 0 : RELAY_CONNECTIONS) +
    (notifications ? NOTIFICATION_CONNECTIONS : 0) +
    (webhooks ? WEBHOOK_CONNECTIONS : 0)
  );
}

export interface RunningServer {
  /** The server's address: `http://127.0.0.1:3000`. */
  readonly url: string;
  /** The operator key generated at this start; it is not stored and cannot be shown again. */
  readonly newOperatorKey: string | undefined;
  /** Whether this key is a valid operator key. */
  isOperatorKey(key: string): boolean;
  /**
   * Finishes the requests in progress and closes all connections, within ten seconds.
   *
   * @throws {LedgerError} `database_unavailable` if the database connections could not be closed in that time
   */
  close(): Promise<void>;
}

/**
 * Migrates the database, unless the configuration says otherwise, and serves HTTP.
 *
 * @throws {StartError} `invalid_configuration`, `port_in_use`, `address_unavailable`, `broker_misconfigured`
 * @throws {LedgerError} `database_unavailable`, `database_misconfigured`, `schema_newer`, `schema_outdated`
 */
export async function startServer(config: Config, log?: Logger): Promise<RunningServer> {
  const checked = checkConfig(config);
  return startChecked(checked, checkLogger(log) ?? createLog(checked.logLevel));
}

/** The part of this process among those that `micropay serve` has started on the same port. */
export interface StartOptions {
  readonly processes: number;
  /** Whether it checks the database and makes the operator's key for all of them, at its start: it may end before the others. */
  readonly isFirst: boolean;
  /** Returns what reads the metrics of all of them; `registry` has those of this one. */
  shareMetrics(registry: Registry): () => Promise<string>;
}

const ALONE: StartOptions = {
  processes: 1,
  isFirst: true,
  shareMetrics: (registry) => () => registry.metrics(),
};

function checkLogger(log: Logger | undefined): Logger | undefined {
  if (log === undefined) return undefined;
  try {
    if ([log.info, log.warn, log.error].every((method) => typeof method === 'function')) return log;
  } catch {
    // It throws when it is looked at.
  }
  throw new StartError('invalid_configuration', 'log must be a pino logger');
}

/** As `startServer`, on a configuration that is right, and perhaps as one of several processes. */
export async function startChecked(config: Config, log: Logger, options = ALONE): Promise<RunningServer> {
  const { databaseUrl, databaseSchema, ledger: name, host, port, corsOrigins, kafka } = config;
  const { verifyEverySeconds = VERIFY_EVERY_SECONDS } = config;
  const tables = { database: databaseUrl, schema: databaseSchema };
  // Processes of the release before may still be running: what they cannot bear waits for "micropay migrate" or the next release.
  await (config.migrate === false ? refuseOutdatedTables(tables) : migrateServer({ ...tables, phase: 'before' }));
  const closers: (() => unknown)[] = [];
  /** Closes what was opened, the last first. */
  const closeAll = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  const close = () =>
    withDeadline(SHUTDOWN_TIMEOUT_MS, closeAll(), () => new LedgerError('database_unavailable', HANGS));
  try {
    // Before anything else, so that the parts of the server find it.
    const tracing = await startTracing(config.tracing, log);
    closers.push(() => tracing.close());
    const registry = new Registry();
    const ledger = createLedger({
      database: databaseUrl,
      schema: databaseSchema,
      name,
      onEventFault: (err) => log.error({ err }, 'the event log cannot be read: live streams are paused'),
      onBatch: createBatchMetrics(registry),
    });
    closers.push(() => ledger.close());
    const pool = createServerPool(databaseUrl);
    const database = connect(databaseUrl, databaseSchema, pool);
    closers.push(() => database.destroy());
    await ledger.check();
    if (options.isFirst) {
      const needed = connectionsMin(config, await hasWebhookEndpoints(database, name));
      const warnings = await ledger.checkDatabase({ connectionsMin: options.processes * needed });
      for (const warning of warnings) log.warn({ setting: warning.setting }, warning.message);
    }
    const created = await createServices(config, ledger, database, log);
    const { services, rateLimits, background, mailKinds, issuerKeys, ensureOperatorKey, isOperatorKey } = created;
    closers.push(services.webhooks.stop);
    closers.push(services.notifications.stop);
    const relay = kafka === undefined ? undefined : await createKafkaRelay(config, kafka, log);
    if (relay !== undefined) closers.push(relay.stop);
    // If the relay is a separate process, this one only reports its lag.
    if (kafka?.relayInServer) await relay?.refuseMisconfiguredBroker();
    const worker = createRequestWorker({
      ledger,
      onError: (err) => log.warn({ work: 'transfer requests', err }, 'background work failed'),
    });
    const stopCommands = await takeCommands(ledger, kafka, log);
    closers.push(stopCommands);
    const verifications = createVerifications(database, name);
    const verification = createScheduledVerification({ ledger, verifications, everySeconds: verifyEverySeconds, log });
    closers.push(verification.stop);
    const mailing = config.mail && createMailing(config.mail, { database, ledger: name, kinds: mailKinds, log });
    if (mailing !== undefined) closers.push(mailing.sender.stop);
    const { outbox } = mailing ?? {};
    registerMetrics(registry, {
      services,
      rateLimits,
      pool,
      relay,
      outbox,
      issuerKeys,
      verifications,
      verifyEverySeconds,
    });
    // Before the first request, so that users are notified of what it does.
    await services.notifications.start();
    const readMetrics = options.shareMetrics(registry);
    const app = createApp({ services, log, corsOrigins, registry, readMetrics, sampling: tracing.sampling });
    const listening = await listen(app, { host, port });
    closers.push(() =>
      Promise.all([
        services.liveEvents.close(),
        listening.stop(REQUESTS_TIMEOUT_MS),
        relay?.stop(),
        worker.stop(),
        verification.stop(),
        mailing?.sender.stop(),
        stopCommands(),
        services.webhooks.stop(),
        services.notifications.stop(),
      ]),
    );
    worker.start();
    mailing?.sender.start();
    if (options.isFirst) warnOfMails(config.mail, log);
    services.webhooks.start();
    if (verifyEverySeconds > 0) verification.start();
    if (kafka?.relayInServer) relay?.start(ledger);
    const openWriters = createOldestWriterReport(ledger.events, log);
    // In every process, as any may end: of several that find a partition due at once, the first makes it.
    const keepPartitions = createPartitionKeeper({ ledger, tables, log });
    const reports = [
      { name: 'transactions left open', everyMs: OPEN_WRITERS_MS, run: openWriters },
      { name: 'partitions of the journal', everyMs: PARTITIONS_MS, run: keepPartitions },
    ];
    // A server may have been away for long. Not before it serves, as the next partition may have to wait for a lock.
    keepPartitions().catch((err: unknown) =>
      log.warn({ work: 'partitions of the journal', err }, 'background work failed'),
    );
    if (outbox !== undefined) reports.push({ name: 'ended mails', everyMs: ENDED_MAILS_MS, run: outbox.removeEnded });
    closers.push(runInBackground([...background, ...reports], log));
    // Not before it listens: a key that is made has to reach somebody, and a port in use would lose it.
    const newOperatorKey = options.isFirst ? await ensureOperatorKey() : undefined;
    if (config.operatorApiKey !== undefined && !isOperatorKey(config.operatorApiKey)) {
      log.error(
        'OPERATOR_API_KEY has no effect: the key "operator" was revoked. Make another one with "micropay keys"',
      );
    }
    return { url: listening.url, newOperatorKey, isOperatorKey, close };
  } catch (error) {
    // The error of the start is more helpful than an error while closing.
    await close().catch(() => undefined);
    throw error;
  }
}
