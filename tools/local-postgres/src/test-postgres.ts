import { randomBytes } from 'node:crypto';
import { createDatabaseIfMissing, urlOfDatabase, withClient } from './databases.js';
import { startTemporaryPostgres } from './temporary-postgres.js';

/** The server and templates that all test files of a run share. */
export interface TestPostgres {
  /** Connects as superuser. */
  readonly adminUrl: string;
  /** A migrated database to copy, which nobody connects to. */
  readonly template: string;
}

/** Options for preparing a server for the tests. */
export interface TestPostgresOptions {
  /** A server of the caller's; without it a temporary one is started. */
  readonly databaseUrl?: string | undefined;
  /** Brings an empty database to the schema that the tests expect. */
  migrate(url: string): Promise<unknown>;
}

/** Prepares a server for one run of the tests; `stop` leaves nothing of it behind. */
export async function startTestPostgres(
  options: TestPostgresOptions,
): Promise<TestPostgres & { stop(): Promise<void> }> {
  const own = options.databaseUrl === undefined ? await startTemporaryPostgres({ durable: false }) : undefined;
  const adminUrl = options.databaseUrl ?? own?.url ?? '';
  // A name of its own in each run, so that runs on the same server do not meet.
  const template = `micropay_template_${randomBytes(6).toString('hex')}`;
  const stop = async () => {
    if (own === undefined) await withClient(adminUrl, (client) => client.query(`drop database if exists ${template}`));
    own?.stop();
  };
  try {
    await createDatabaseIfMissing(adminUrl, template);
    await options.migrate(urlOfDatabase(adminUrl, template));
    await withClient(adminUrl, (client) => client.query(`alter database ${template} with allow_connections false`));
  } catch (error) {
    await stop();
    throw error;
  }
  return { adminUrl, template, stop };
}
