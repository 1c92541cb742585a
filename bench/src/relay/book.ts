import { randomBytes } from 'node:crypto';
import { createLedger, type Ledger, migrate } from '@micropay/ledger-core';
import type pg from 'pg';
import { openAccounts } from '../book.js';
import type { RelayPlace } from './place.js';

/** Accounts in a database schema of their own, whose log holds nothing else. */
export interface RelayBook {
  readonly schema: string;
  readonly ledger: Ledger;
  readonly accountIds: readonly string[];
  /** Ends the ledger and removes the schema. */
  close(): Promise<void>;
}

export async function openRelayBook(
  { database, pool }: Pick<RelayPlace, 'database' | 'pool'>,
  { withEvents = true } = {},
): Promise<RelayBook> {
  const schema = `bench_${randomBytes(6).toString('hex')}`;
  await migrate({ database, schema });
  if (!withEvents) await removeEventPart(pool, schema);
  const ledger = createLedger({ database, schema });
  return {
    schema,
    ledger,
    accountIds: await openAccounts(ledger),
    async close() {
      await ledger.close();
      await pool.query(`drop schema ${schema} cascade`);
    },
  };
}

/** The same journal without its place among the events: no position is drawn, stored or indexed. */
async function removeEventPart(pool: pg.Pool, schema: string): Promise<void> {
  await pool.query(`alter table ${schema}.transfers drop column position`);
}
