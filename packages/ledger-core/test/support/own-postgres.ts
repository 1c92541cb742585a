import { createLedger, type Ledger, migrate } from '@micropay/ledger-core';
import { type LocalPostgres, startTemporaryPostgres } from '@micropay/local-postgres';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';

/** A migrated PostgreSQL that no other test file uses: transactions of others hold up readers of the log, and are killed. */
export interface OwnPostgres {
  readonly url: string;
  readonly server: LocalPostgres;
  ledger(): Ledger;
  connect(): Promise<pg.Client>;
  sql<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

export function useOwnPostgres(options: { readonly durable?: boolean; readonly revive?: boolean } = {}): OwnPostgres {
  let server: LocalPostgres;
  let pool: pg.Pool;
  const ledgers: Ledger[] = [];
  const clients: pg.Client[] = [];

  beforeAll(async () => {
    server = await startTemporaryPostgres({ durable: false, ...options });
    pool = new pg.Pool({ connectionString: server.url, max: 2 });
    pool.on('error', () => undefined);
    await migrate({ database: server.url });
    // Its workers take transaction ids, and schedules are about who takes which.
    await pool.query('alter system set autovacuum = off');
    await pool.query('select pg_reload_conf()');
  });
  afterAll(async () => {
    await Promise.all(ledgers.map((ledger) => ledger.close()));
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
    await pool?.end();
    server?.stop();
  });

  return {
    get url() {
      return server.url;
    },
    get server() {
      return server;
    },
    ledger() {
      const ledger = createLedger({ database: server.url });
      ledgers.push(ledger);
      return ledger;
    },
    async connect() {
      const client = new pg.Client({ connectionString: server.url, pipeline: true });
      client.on('error', () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    async sql<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) {
      return (await pool.query<Row>(text, [...values])).rows;
    },
  };
}
