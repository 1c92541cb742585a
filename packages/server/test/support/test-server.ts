import { createTestDatabase } from '@micropay/local-postgres/testing';
import type { Logger } from 'pino';
import type { Config } from '../../src/process/config.js';
import { startServer } from '../../src/process/start-server.js';

export const OPERATOR_KEY = 'operator-key-of-the-tests';

export interface TestServer {
  readonly url: string;
  readonly databaseUrl: string;
  stop(): Promise<void>;
}

export function testConfig(databaseUrl: string, changes: Partial<Config> = {}): Config {
  return {
    databaseUrl,
    databaseSchema: 'micropay',
    ledger: 'main',
    host: '127.0.0.1',
    port: 0,
    operatorApiKey: OPERATOR_KEY,
    tokenIssuer: 'micropay',
    trustedProxies: 0,
    verifyEverySeconds: 0,
    corsOrigins: [],
    logLevel: 'silent',
    // No test dials anything outside this machine, whatever URLs its endpoints have: nothing is sent.
    webhooks: { allowedNetworks: [], limits: { quickMax: 0 } },
    ...changes,
  };
}

/** A server on a port and a database of its own. */
export async function startTestServer(changes: Partial<Config> = {}, log?: Logger): Promise<TestServer> {
  const database = await createTestDatabase();
  const server = await startServer(testConfig(database.url, changes), log);
  return {
    url: server.url,
    databaseUrl: database.url,
    async stop() {
      await server.close();
      await database.drop();
    },
  };
}
