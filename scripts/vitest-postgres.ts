import { migrate } from '@micropay/ledger-core';
import { startTestPostgres } from '@micropay/local-postgres';
import type {} from '@micropay/local-postgres/testing';
import type { TestProject } from 'vitest/node';

/** Starts what the integration tests need before the first of them, and answers how to stop it after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stop, ...testPostgres } = await startTestPostgres({
    databaseUrl: process.env.DATABASE_URL,
    migrate: (database) => migrate({ database }),
  });
  project.provide('testPostgres', testPostgres);
  return stop;
}
