import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { urlOfDatabase, withClient } from './databases.js';
import type { TestPostgres } from './test-postgres.js';

declare module 'vitest' {
  interface ProvidedContext {
    testPostgres: TestPostgres;
  }
}

/** A database for one test file. */
export interface TestDatabase {
  readonly url: string;
  /** Ends what is still connected and removes the database. */
  drop(): Promise<void>;
}

/** Makes a database with ledger-core's schema by copying the migrated template, which takes tens of milliseconds. */
export function createTestDatabase(): Promise<TestDatabase> {
  const { adminUrl, template } = inject('testPostgres');
  return createDatabase(adminUrl, template);
}

/** Makes a database with nothing in it, for what tests migrations themselves. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase(inject('testPostgres').adminUrl, 'template0');
}

async function createDatabase(adminUrl: string, template: string): Promise<TestDatabase> {
  const name = `micropay_test_${randomBytes(6).toString('hex')}`;
  const administer = (statement: string) => withClient(adminUrl, (client) => client.query(statement));
  await administer(`create database ${name} template ${template}`);
  return {
    url: urlOfDatabase(adminUrl, name),
    drop: async () => {
      await administer(`drop database if exists ${name} with (force)`);
    },
  };
}
