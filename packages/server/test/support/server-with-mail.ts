import pg from 'pg';
import type { Config } from '../../src/process/config.js';
import { startTestServer, type TestServer } from './test-server.js';
import { startTestSmtp, type TestSmtp } from './test-smtp.js';

/** A server that sends mails, with the mail server that takes them and a connection to its database. */
export interface ServerWithMail {
  readonly smtp: TestSmtp;
  readonly server: TestServer;
  readonly client: pg.Client;
  stop(): Promise<void>;
}

export async function startServerWithMail(changes: Partial<Config> = {}): Promise<ServerWithMail> {
  const smtp = await startTestSmtp();
  const server = await startTestServer({ ...changes, mail: smtp.settings });
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  return {
    smtp,
    server,
    client,
    async stop() {
      await client.end();
      await server.stop();
      await smtp.stop();
    },
  };
}
