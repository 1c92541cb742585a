import { migrate } from '@micropay/ledger-core';
import { startTestPostgres } from '@micropay/local-postgres';
import type {} from '@micropay/local-postgres/testing';
import type { TestProject } from 'vitest/node';

/** Starts the services of the integration tests, and returns a function that stops them after the last test. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stop, ...testPostgres } = await startTestPostgres({
    databaseUrl: process.env.DATABASE_URL,
    migrate: (database) => migrate({ database }),
  });
  project.provide('testPostgres', testPostgres);
  return stop;
}
