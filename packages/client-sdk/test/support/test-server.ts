import { createTestDatabase } from '@micropay/local-postgres/testing';
import { type RunningServer, readConfig, startServer } from '@micropay/server';
import { createClient, type MicroPayClient } from '../../src/index.js';

export const OPERATOR_KEY = 'operator-key-of-the-tests';

export interface TestServer {
  readonly url: string;
  readonly databaseUrl: string;
  readonly operator: MicroPayClient;
  stop(): Promise<void>;
}

/** The real server on a port and a database of its own. */
export async function startTestServer(environment: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const database = await createTestDatabase();
  const server = await startServerOn(database.url, environment);
  return {
    url: server.url,
    databaseUrl: database.url,
    operator: createClient({ baseUrl: server.url, apiKey: OPERATOR_KEY }),
    async stop() {
      await server.close();
      await database.drop();
    },
  };
}

/** One more process's worth of server, on a database that is there. */
export function startServerOn(
  databaseUrl: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningServer> {
  return startServer(
    readConfig({
      DATABASE_URL: databaseUrl,
      PORT: '0',
      OPERATOR_API_KEY: OPERATOR_KEY,
      LOG_LEVEL: 'silent',
      // Receivers of tests are on this machine.
      WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
      ...environment,
    }),
  );
}
