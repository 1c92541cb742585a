// npm run upgrade:check: installs the last release from its packed archives alone, runs two servers of it under load, and
// upgrades them as docs/operating/upgrade.md says, to the present tree with a migration more for each phase. `npm run build`
// comes first. Before the first release, the present tree is the last release too.
import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createPool } from '@micropay/ledger-core/pg';
import { exitOnSignals, startTemporaryPostgres } from '@micropay/local-postgres';
import { rootDirectory } from './directories.js';
import { addMigration, install, lastReleaseTag, packCommit, packTree, removeFolder } from './upgrade/packed-release.js';
import { startPayments } from './upgrade/payments.js';
import { type ListeningServer, runMicropay, serve } from './upgrade/run-micropay.js';

const OPERATOR_API_KEY = 'operator-key-of-the-upgrade';
const PAYMENTS = 200;

const TIMEOUTS = { statementTimeoutMs: 60_000, lockTimeoutMs: 60_000, answerTimeoutMs: 60_000 };

const header = (phase: string, table: string) => `-- Old code may run beside it: ${phase === 'before' ? 'yes' : 'no'}
-- Phase: ${phase} the new code
-- Locks: ${table} access exclusive
-- Duration: a moment
`;
/** A column that the next release adds to a table in use, and one that it no longer needs once the last release has ended. */
const NEXT = [
  ['ledger-core', 'transfers'],
  ['server', 'users'],
] as const;

exitOnSignals(1);
const { values } = parseArgs({ options: { release: { type: 'string' } } });
const release = values.release ?? lastReleaseTag();
const folder = mkdtempSync(join(tmpdir(), 'micropay-upgrade-check-'));
const servers: ListeningServer[] = [];
try {
  await upgrade();
} finally {
  for (const server of servers) server.kill();
  removeFolder(folder);
}

async function upgrade(): Promise<void> {
  const present = packTree(rootDirectory, join(folder, 'present'));
  const last = install(
    release === undefined ? present : packCommit(release, join(folder, 'release')),
    join(folder, 'last'),
  );
  const next = install(present, join(folder, 'next'));
  for (const [packageName, table] of NEXT) {
    const [before, after] = [header('before', table), header('after', table)];
    addMigration(next, packageName, '9998-next.sql', `${before}alter table ${table} add column next_note text;`);
    addMigration(next, packageName, '9999-next.sql', `${after}alter table ${table} drop column next_note;`);
  }
  const postgres = await startTemporaryPostgres({ durable: false });
  const environment = { DATABASE_URL: await postgres.database('micropay'), OPERATOR_API_KEY, MIGRATE: 'off' };

  await runMicropay(last, ['migrate'], environment);
  servers.push(await serve(last, environment), await serve(last, environment));
  const payments = await startPayments(urls(), OPERATOR_API_KEY);
  await payments.more(PAYMENTS);

  match(await runMicropay(next, ['migrate', '--plan'], environment), /9998-next\.sql(?:.|\n)*9999-next\.sql/);
  match(await runMicropay(next, ['migrate', '--phase', 'before'], environment), /9998-next\.sql/);
  await payments.more(PAYMENTS);

  for (const [index, old] of servers.entries()) {
    servers[index] = await serve(next, environment);
    payments.payAt(urls());
    await old.stop();
    await payments.more(PAYMENTS);
  }
  match(await runMicropay(next, ['migrate', '--phase', 'after'], environment), /9999-next\.sql/);
  await payments.more(PAYMENTS);
  await payments.stop();

  const posted = await readTransfers(environment.DATABASE_URL);
  deepEqual(posted, [...payments.acknowledged].sort(), 'each payment is posted once');
  await runMicropay(next, ['verify'], environment);
  for (const server of servers.splice(0)) await server.stop();
  console.log(
    `Upgraded ${release ?? 'the present tree'} under load: ${posted.length} payments, ${payments.repeats} of them sent again, none lost or made twice.`,
  );
}

function urls(): readonly string[] {
  return servers.map(({ url }) => url);
}

/** The ids of all payments between users, in order; the table has no trace of the columns that came and went. */
async function readTransfers(databaseUrl: string): Promise<readonly string[]> {
  const pool = createPool(databaseUrl, { connectionsMax: 1, ...TIMEOUTS });
  try {
    const columns = `select 1 from information_schema.columns where table_schema = 'micropay' and column_name = 'next_note'`;
    equal((await pool.query(columns)).rowCount, 0, 'the last phase has dropped its columns');
    const { rows } = await pool.query<{ id: string }>(
      `select t.id from micropay.transfers t join micropay.accounts f on f.id = t.from_account where f.address like 'users:%'`,
    );
    return rows.map(({ id }) => id).sort();
  } finally {
    await pool.end();
  }
}
