import { setTimeout as sleep } from 'node:timers/promises';
import { createLedger, type Ledger, type LedgerOptions } from '@micropay/ledger-core';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect } from 'vitest';
import { divideByLedger } from './divided-schema.js';

/** The tables of each test file are divided by ledger, as they may be over nodes. */
const isDivided = process.env.MICROPAY_TEST_DIVIDED === '1';

/** A test file's own database, and everything that is opened on it; all of it is closed at the end. */
export interface TestBed {
  readonly url: string;
  /** An engine of its own: connections, lanes and memory. */
  ledger(options?: Partial<LedgerOptions>): Ledger;
  /** A connection of the test's own, as superuser. */
  connect(): Promise<pg.Client>;
  /** Runs one statement beside the ledger. */
  sql<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Until so many connections of this database wait for a lock. */
  untilWaiting(count: number): Promise<void>;
}

export function useTestBed({ isEmpty = false }: { readonly isEmpty?: boolean } = {}): TestBed {
  let database: TestDatabase;
  let pool: pg.Pool;
  const ledgers: Ledger[] = [];
  const clients: pg.Client[] = [];

  beforeAll(async () => {
    database = await (isEmpty ? createEmptyDatabase() : createTestDatabase());
    if (isDivided && !isEmpty) await divideByLedger(database.url);
    pool = new pg.Pool({ connectionString: database.url, max: 4 });
    pool.on('error', () => undefined);
  });
  afterAll(async () => {
    await Promise.all(ledgers.map((ledger) => ledger.close()));
    await Promise.all(clients.map((client) => client.end()));
    await pool?.end();
    await database?.drop();
  });

  return {
    get url() {
      return database.url;
    },
    ledger(options = {}) {
      const ledger = createLedger({ database: database.url, ...options });
      ledgers.push(ledger);
      return ledger;
    },
    async connect() {
      const client = new pg.Client({ connectionString: database.url });
      client.on('error', () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    async sql<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
      return (await pool.query<Row>(text, [...values])).rows;
    },
    async untilWaiting(count) {
      const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      while ((await pool.query(waiting)).rows.length < count) await sleep(5);
    },
  };
}

/** Fits a refusal with this code. */
export function refusal(code: string, more: Record<string, unknown> = {}) {
  return expect.objectContaining({ name: 'LedgerError', code, ...more });
}

/** Opens `world` without a limit and wallets that it fills. */
export async function openWallets(ledger: Ledger, filled: Readonly<Record<string, bigint>>): Promise<void> {
  if ((await ledger.accounts.identify('world')) === undefined) {
    await ledger.accounts.open({ address: 'world', currency: 'USD' });
  }
  for (const [address, amount] of Object.entries(filled)) {
    await ledger.accounts.open({ address, currency: 'USD' });
    if (amount > 0n) await ledger.transfers.post({ from: 'world', to: address, amount, currency: 'USD' });
  }
}

export async function postedOf(ledger: Ledger, address: string): Promise<bigint> {
  return (await ledger.accounts.get(address)).posted;
}

/** Verifies the ledger and expects nothing to be wrong. */
export async function expectSound(ledger: Ledger): Promise<void> {
  const { problems } = await ledger.verify();
  expect(problems).toEqual([]);
  expect((await ledger.trialBalance()).balanced).toBe(true);
}
