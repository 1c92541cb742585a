import { randomUUID } from 'node:crypto';
import { createInProcessPublisher, createRelay, type Ledger, type Relay } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import { connectApart, type Database } from '../database/connect.js';
import type { Act } from '../identity/act.js';
import type { Mails } from '../mail/mail-outbox.js';
import { createWebhookDeliveryStore, type WebhookDeliveryStore } from './deliveries/webhook-delivery-store.js';
import { hasWebhookEndpoints } from './endpoints/has-endpoints.js';
import { tellOfDisabled } from './endpoints/tell-of-disabled.js';
import {
  createWebhookEndpointStore,
  type IssuedWebhookEndpoint,
  type WebhookEndpointSettings,
  type WebhookEndpointStore,
} from './endpoints/webhook-endpoint-store.js';
import { type AttemptError, createWebhookClient } from './sending/post-webhook.js';
import { createDeliveryQueue } from './sending/queue/delivery-queue.js';
import { createSenderBeats } from './sending/queue/sender-beats.js';
import { createReceiverAddresses, type ReceiverAddresses } from './sending/receiver-addresses.js';
import { createResolve } from './sending/resolve-receiver.js';
import { WEBHOOK_LIMITS, type WebhookLimits } from './sending/webhook-limits.js';
import { createWebhookSenders, type WebhookSenders } from './sending/webhook-senders.js';
import { createWebhookSink } from './sink/webhook-sink.js';
import { countWebhooks, type WebhookCounts } from './webhook-counts.js';

export interface WebhookSettings {
  /** CIDR blocks that webhooks may be sent to beside the public Internet. */
  readonly allowedNetworks: readonly string[];
  /** Receives a mail when the server disables an endpoint. */
  readonly noticeEmail?: string | undefined;
  /** For tests; no variable sets them. */
  readonly limits?: Partial<WebhookLimits> | undefined;
}

/** What waits, the same for all processes. */
export interface WebhookStatus extends WebhookCounts {
  /** Rows of the log that have not been looked at for endpoints, and the age of the oldest. */
  readonly lagRows: number;
  readonly lagSeconds: number;
}

/** The webhooks of a ledger: its endpoints, the relay that writes deliveries for them, and the senders of this process. */
export interface Webhooks {
  readonly endpoints: WebhookEndpointStore;
  readonly deliveries: WebhookDeliveryStore;
  readonly addresses: ReceiverAddresses;
  /** Attempts of this process by their result. */
  readonly attempts: ReadonlyMap<AttemptError | 'delivered', number>;
  /** Makes an endpoint that receives what commits from now on. @throws {ProblemError} `too_many_webhook_endpoints` */
  create(settings: WebhookEndpointSettings, act: Act): Promise<IssuedWebhookEndpoint>;
  /** Sends what has become due, without waiting for the next poll. */
  wake(): void;
  status(): Promise<WebhookStatus>;
  /** Relays and sends while the ledger has endpoints, and looks every few seconds whether it has. */
  start(): void;
  stop(): Promise<void>;
}

export interface WebhookDependencies {
  readonly ledger: Ledger;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly databaseSchema: string;
  readonly mails: Mails;
  readonly log: Logger;
  readonly settings: WebhookSettings;
}

/** Deliveries and what they say are kept for so long, whatever became of them. */
export const DELIVERIES_KEPT_DAYS = 14;

const LOOK_MS = 2_000;
/** Without endpoints, the cursor is moved on this often, so that it keeps no events from being deleted. */
const SKIP_MS = 60_000;

const CONNECTIONS_MAX = 3;

/** Rows of the log in one delivery to the sink: each of its events may go to ten thousand endpoints. */
const ROWS_AT_ONCE = 100;

interface Running {
  readonly relay: Relay;
  readonly senders: WebhookSenders;
  stop(): Promise<void>;
}

export function createWebhooks(dependencies: WebhookDependencies): Webhooks {
  const { ledger, database, databaseUrl, databaseSchema: schema, mails, log, settings } = dependencies;
  const limits = { ...WEBHOOK_LIMITS, ...settings.limits };
  const addresses = createReceiverAddresses(settings.allowedNetworks);
  const endpoints = createWebhookEndpointStore(database, ledger.name, limits.endpointsMax);
  const attempts = new Map<AttemptError | 'delivered', number>();
  const sink = `webhooks:${ledger.name}`;
  const relayOptions = { database: databaseUrl, schema, sink, ledger: ledger.name };
  /** Reads and moves the cursor; it delivers nothing. */
  const cursor = createRelay({ ...relayOptions, publisher: createInProcessPublisher(async () => undefined) });
  let running: Running | undefined;
  let looking: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let skippedMs = Number.NEGATIVE_INFINITY;
  let stopped: Promise<void> | undefined;

  const hasEndpoints = () => hasWebhookEndpoints(database, ledger.name);

  /**
   * Begins at the end of the log. The endpoints are looked at after the end was found: one that is made later receives nothing
   * that was committed by then, so nothing is left out that it should receive.
   */
  async function skipToEnd(): Promise<void> {
    const end = await cursor.findEnd(ledger.name);
    await cursor.open(ledger.name, end);
    if (!(await hasEndpoints())) await cursor.skip(ledger.name, end);
  }

  function begin(): Running {
    const { pool, senders } = createSenders();
    const stopping = new AbortController();
    const relay = createRelay({
      ...relayOptions,
      publisher: createWebhookSink({
        database: pool,
        ledger: ledger.name,
        keptDays: DELIVERIES_KEPT_DAYS,
        onWritten: senders.wake,
        signal: stopping.signal,
      }),
      batchSizeMax: ROWS_AT_ONCE,
      onError(error) {
        if (stopping.signal.aborted) return;
        log.warn({ sink, err: error }, 'events could not be read for webhooks, and will be read again');
      },
    });
    const stopListening = ledger.onCommit(relay.wake);
    relay.start();
    senders.start();
    return {
      relay,
      senders,
      async stop() {
        stopListening();
        stopping.abort();
        await Promise.all([relay.stop(), senders.stop()]);
        await pool.destroy();
      },
    };
  }

  function createSenders() {
    const pool = connectApart(databaseUrl, schema, { name: 'micropay-webhooks', connectionsMax: CONNECTIONS_MAX });
    const client = createWebhookClient(addresses, createResolve());
    const holder = randomUUID();
    const senders = createWebhookSenders({
      queue: createDeliveryQueue(pool, schema, ledger.name, holder),
      beats: createSenderBeats(pool, schema, ledger.name, holder),
      client,
      limits,
      log,
      attempts,
      async onDisable({ id, claim }, reason) {
        let isDisabled = false;
        await endpoints.disable(id, reason, {
          claim,
          async also(transaction, row) {
            await tellOfDisabled(transaction, row, { ledger: ledger.name, reason, mails, email: settings.noticeEmail });
            isDisabled = true;
          },
        });
        if (isDisabled) log.error({ endpoint: id, reason }, 'a webhook endpoint was disabled: its events wait');
      },
    });
    return { pool, senders };
  }

  /** One look after the other, whoever asks for it. */
  function look(): Promise<void> {
    const next = looking.then(lookNow);
    looking = next.catch(() => undefined);
    return next;
  }

  async function lookNow(): Promise<void> {
    if (stopped !== undefined) return;
    if (await hasEndpoints()) {
      running ??= begin();
      return;
    }
    await running?.stop();
    running = undefined;
    if (performance.now() - skippedMs < SKIP_MS || !(await hadEndpoints())) return;
    await skipToEnd();
    skippedMs = performance.now();
  }

  async function hadEndpoints(): Promise<boolean> {
    const row = await database
      .selectFrom('webhook_versions')
      .select('version')
      .where('ledger', '=', ledger.name)
      .executeTakeFirst();
    return row !== undefined;
  }

  async function stopAll(): Promise<void> {
    clearInterval(timer);
    await looking;
    await running?.stop();
    await cursor.stop();
  }

  return {
    endpoints,
    deliveries: createWebhookDeliveryStore(database, ledger.name),
    addresses,
    attempts,
    async create(request, act) {
      if (!(await hasEndpoints())) {
        // Before there is a cursor: it is moved on for ledgers that have a version, so that it keeps no events from being deleted.
        await database
          .insertInto('webhook_versions')
          .values({ ledger: ledger.name, version: 1 })
          .onConflict((met) => met.column('ledger').doNothing())
          .execute();
        await skipToEnd();
      }
      const issued = await endpoints.create(request, act);
      if (timer !== undefined) await look();
      return issued;
    },
    wake() {
      running?.senders.wake();
    },
    async status() {
      const counts = await countWebhooks(database, ledger.name);
      const some = counts.enabled + counts.disabled > 0;
      const { rows, seconds } = some ? await cursor.status() : { rows: 0, seconds: 0 };
      return { ...counts, lagRows: rows, lagSeconds: seconds };
    },
    start() {
      const lookOften = () =>
        look().catch((error: unknown) =>
          log.warn({ err: error }, 'webhook endpoints could not be read, and will be read again'),
        );
      timer ??= setInterval(() => void lookOften(), LOOK_MS).unref();
      void lookOften();
    },
    stop() {
      stopped ??= stopAll();
      return stopped;
    },
  };
}
