import { setTimeout as sleep } from 'node:timers/promises';
import { createLedger, type Ledger, type LedgerError, migrate } from '@micropay/ledger-core';
import { type LocalPostgres, startTemporaryPostgres } from '@micropay/local-postgres';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { times } from '../support/counts.js';
import { expectAcknowledgedOnce } from '../support/journal-of-keys.js';
import { expectSound, openWallets } from '../support/test-bed.js';

/** A server of this file's own, as safe as one in service, that comes back when it dies. */
let postgres: LocalPostgres;
let url: string;
let ledger: Ledger;

beforeAll(async () => {
  // It says on the error output that it starts again.
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  postgres = await startTemporaryPostgres({ durable: true, revive: true });
  url = await postgres.database('crash');
  await migrate({ database: url });
  ledger = createLedger({ database: url });
  await openWallets(ledger, { a: 0n, b: 0n, c: 0n, d: 0n });
});
afterAll(async () => {
  await ledger?.close();
  postgres?.stop();
});

async function sql<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

it('a PostgreSQL that is killed under load has every acknowledged transfer once, and service resumes', async () => {
  const wallets = ['a', 'b', 'c', 'd'];
  const acknowledged = new Map<string, string>();
  const refused = new Set<string>();
  let isRunning = true;
  let next = 0;
  const clients = Array.from({ length: 32 }, async () => {
    while (isRunning) {
      const key = next;
      next += 1;
      const answer = await ledger.transfers
        .post({
          from: 'world',
          to: wallets[key % wallets.length] ?? '',
          amount: 1n,
          currency: 'USD',
          idempotencyKey: `key-${key}`,
        })
        .catch((error: unknown) => error as LedgerError);
      if ('replayed' in answer) acknowledged.set(`${key}`, answer.id);
      else {
        refused.add(answer.code);
        await sleep(20);
      }
    }
  });
  for (let kill = 0; kill < times(30); kill += 1) {
    const goal = acknowledged.size + 200;
    while (acknowledged.size < goal) await sleep(5);
    const { pid } = postgres;
    process.kill(pid, 'SIGKILL');
    while (postgres.pid === pid) await sleep(5);
  }
  const goal = acknowledged.size + 200;
  while (acknowledged.size < goal) await sleep(5);
  isRunning = false;
  await Promise.all(clients);

  await expectAcknowledgedOnce(sql, 'main', acknowledged);
  expect([...refused].filter((code) => code !== 'database_unavailable' && code !== 'outcome_unknown')).toEqual([]);
  await expectSound(ledger);
}, 240_000);
