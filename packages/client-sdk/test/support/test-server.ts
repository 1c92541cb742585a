import { createTestDatabase } from '@micropay/local-postgres/testing';
import { readConfig, startServer } from '@micropay/server';
import { createClient, type MicroPayClient } from '../../src/index.js';

const OPERATOR_KEY = 'operator-key-of-the-tests';

export interface TestServer {
  readonly url: string;
  readonly operator: MicroPayClient;
  stop(): Promise<void>;
}

/** The real server on a port and a database of its own. */
export async function startTestServer(): Promise<TestServer> {
  const database = await createTestDatabase();
  const server = await startServer(
    readConfig({ DATABASE_URL: database.url, PORT: '0', OPERATOR_API_KEY: OPERATOR_KEY, LOG_LEVEL: 'silent' }),
  );
  return {
    url: server.url,
    operator: createClient({ baseUrl: server.url, apiKey: OPERATOR_KEY }),
    async stop() {
      await server.close();
      await database.drop();
    },
  };
}
