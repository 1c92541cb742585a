import {
  createInProcessPublisher,
  createRelay,
  type Ledger,
  type Relay,
  type RelayStatus,
} from '@micropay/ledger-core';
import type { Logger } from 'pino';
import { connectApart, type Database } from '../database/connect.js';
import type { WriteMail } from '../mail/mail-kind.js';
import type { Mails } from '../mail/mail-outbox.js';
import { createNotificationMail } from './notification-mail.js';
import { createNotificationStore, type NotificationStore } from './notification-store.js';
import { createScales, type Scales } from './scales.js';
import { createAnnounce } from './sink/announce.js';
import { createNotificationSink } from './sink/notification-sink.js';

/** The notifications of a ledger's users. */
export interface Notifications {
  readonly isOn: boolean;
  readonly store: NotificationStore;
  readonly scales: Scales;
  readonly writeMail: WriteMail;
  /** Undefined where nobody is told. */
  readonly status: (() => Promise<Pick<RelayStatus, 'rows' | 'seconds'>>) | undefined;
  /**
   * Reads the ledger's events from now on, or from where the ledger's servers have come. What it cannot do yet, it tries again until
   * it is stopped; where users are not told, it does nothing.
   */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Where users are not told: leaves out what has happened, so that the cursor of a former server keeps no events. */
  skip(): Promise<void>;
  removeOld(): Promise<void>;
}

const KEPT_DAYS = 90;
const RETRY_MS = 2_000;

export function createNotifications(dependencies: {
  readonly ledger: Ledger;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly databaseSchema: string;
  readonly mails: Mails;
  readonly log: Logger;
  readonly isOn: boolean;
}): Notifications {
  const { ledger, database, databaseUrl, databaseSchema: schema, mails, log, isOn } = dependencies;
  const store = createNotificationStore(database, ledger.name);
  const scales = createScales(ledger);
  const sink = `notifications:${ledger.name}`;
  const running = isOn ? createRunning() : undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopListening: (() => void) | undefined;
  let starting: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;

  function createRunning(): { readonly relay: Relay; readonly pool: Database } {
    const pool = connectApart(databaseUrl, schema, { name: 'micropay-notifications', connectionsMax: 1 });
    const publisher = createNotificationSink({
      database: pool,
      ledger: ledger.name,
      mails,
      announce: createAnnounce(ledger),
      keptDays: KEPT_DAYS,
    });
    const onError = (err: unknown) => log.warn({ sink, err }, 'users could not be notified, and will be');
    const options = { database: databaseUrl, schema, sink, ledger: ledger.name, publisher, onError };
    return { pool, relay: createRelay(options) };
  }

  /** A cursor that is there stays: what happened while no server ran is told then. */
  async function begin(relay: Relay): Promise<void> {
    try {
      await relay.open(ledger.name, await relay.findEnd(ledger.name));
    } catch (err) {
      if (stopped !== undefined) return;
      log.warn({ sink, err }, 'notifications cannot begin yet');
      timer = setTimeout(() => {
        starting = begin(relay);
      }, RETRY_MS).unref();
      return;
    }
    if (stopped !== undefined) return;
    stopListening = ledger.onCommit(relay.wake);
    relay.start();
  }

  async function end(): Promise<void> {
    clearTimeout(timer);
    // First, as it ends what `begin` waits for.
    await running?.relay.stop();
    await starting;
    stopListening?.();
    await running?.pool.destroy();
  }

  return {
    isOn,
    store,
    scales,
    writeMail: createNotificationMail({ database, ledger: ledger.name, scales }),
    status: running?.relay.status,
    async start() {
      if (running === undefined) return;
      starting ??= begin(running.relay);
      await starting;
    },
    stop() {
      stopped ??= end();
      return stopped;
    },
    async skip() {
      const relay = createRelay({
        database: databaseUrl,
        schema,
        sink,
        ledger: ledger.name,
        publisher: createInProcessPublisher(async () => undefined),
      });
      try {
        await relay.skip(ledger.name, await relay.findEnd(ledger.name));
      } finally {
        await relay.stop();
      }
    },
    removeOld: () => store.removeOld(KEPT_DAYS),
  };
}
