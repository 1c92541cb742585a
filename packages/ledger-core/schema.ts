// Writes schema.sql from a freshly migrated database; with --check it only says whether the committed one is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { migrate } from '@micropay/ledger-core';
import { startTemporaryPostgres } from '@micropay/local-postgres';
import { Client } from 'pg';
import { dumpSchema } from './dump-schema.js';

const file = new URL('./schema.sql', import.meta.url);
const text = await freshSchema();

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error(
    'packages/ledger-core/schema.sql is stale: run "npm run schema" in packages/ledger-core and commit it.',
  );
  process.exitCode = 1;
}

/** Always of the same PostgreSQL: another release may word the same schema in another way. */
async function freshSchema(): Promise<string> {
  const postgres = await startTemporaryPostgres({ durable: false });
  try {
    const database = await postgres.database('schema');
    await migrate({ database });
    const client = new Client({ connectionString: database });
    await client.connect();
    try {
      return await dumpSchema(client, 'micropay');
    } finally {
      await client.end();
    }
  } finally {
    postgres.stop();
  }
}
