import { getRequestListener } from '@hono/node-server';
import { createLedger } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import { createApp } from './app.js';
import { runInBackground } from './background.js';
import type { Config } from './config.js';
import { createServices } from './create-services.js';
import { connect } from './database/connect.js';
import { listen } from './http/listen.js';
import { createLog } from './log.js';
import { migrateServer } from './migrate-server.js';

const SHUTDOWN_TIMEOUT_MS = 10_000;

export interface RunningServer {
  /** Where it listens: `http://127.0.0.1:3000`. */
  readonly url: string;
  /** An operator key that was made at this start; it is not stored and cannot be shown again. */
  readonly newOperatorKey: string | undefined;
  /** Finishes the requests under way, for ten seconds at most, then closes all connections. */
  close(): Promise<void>;
}

/**
 * Migrates the database and serves HTTP.
 *
 * @throws {StartError} `port_in_use`, `address_unavailable`
 * @throws {LedgerError} `database_unavailable`, `schema_newer`
 */
export async function startServer(config: Config, log: Logger = createLog(config.logLevel)): Promise<RunningServer> {
  const { databaseUrl, databaseSchema, ledger: name, host, port, corsOrigins } = config;
  await migrateServer(databaseUrl, databaseSchema);
  const closers: (() => unknown)[] = [];
  /** Closes what was opened, the last first. */
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const ledger = createLedger({ database: databaseUrl, schema: databaseSchema, name });
    closers.push(() => ledger.close());
    const database = connect(databaseUrl, databaseSchema);
    closers.push(() => database.destroy());
    await ledger.check();
    const { services, background, ensureOperatorKey } = await createServices(config, ledger, database);
    const app = createApp({ services, log, corsOrigins });
    const listening = await listen(getRequestListener(app.fetch), { host, port });
    closers.push(() => listening.stop(SHUTDOWN_TIMEOUT_MS));
    closers.push(runInBackground(background, log));
    // Not before it listens: a key that is made has to reach somebody, and a port in use would lose it.
    return { url: listening.url, newOperatorKey: await ensureOperatorKey(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
