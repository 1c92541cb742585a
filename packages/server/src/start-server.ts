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
  const ledger = createLedger({ database: databaseUrl, schema: databaseSchema, name });
  const database = connect(databaseUrl, databaseSchema);
  const disconnect = async () => {
    await ledger.close();
    await database.destroy();
  };
  try {
    await ledger.check();
    const { services, background, newOperatorKey } = await createServices(config, ledger, database);
    const app = createApp({ services, log, corsOrigins });
    const listening = await listen(getRequestListener(app.fetch), { host, port });
    const stopBackground = runInBackground(background, log);
    return {
      url: listening.url,
      newOperatorKey,
      async close() {
        stopBackground();
        await listening.stop(SHUTDOWN_TIMEOUT_MS);
        await disconnect();
      },
    };
  } catch (error) {
    await disconnect();
    throw error;
  }
}
