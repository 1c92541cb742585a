import type { TransactionAdapter } from '@micropay/ledger-core';
import { fromDrizzle } from '@micropay/ledger-core/drizzle';
import { fromKnex } from '@micropay/ledger-core/knex';
import { fromKysely } from '@micropay/ledger-core/kysely';
import { fromPg } from '@micropay/ledger-core/pg';
import { fromPostgresJs } from '@micropay/ledger-core/postgres-js';
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle as drizzleOnPg } from 'drizzle-orm/node-postgres';
import { drizzle as drizzleOnPostgresJs } from 'drizzle-orm/postgres-js';
import knex, { type Knex } from 'knex';
import { CamelCasePlugin, type ControlledTransaction, Kysely, type KyselyPlugin, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import postgres from 'postgres';

export type Isolation = 'read committed' | 'repeatable read' | 'serializable';

/** A transaction of a client library, with the ledger's adapter for it and what an application does in it. */
export interface CallerTransaction {
  readonly adapter: TransactionAdapter;
  /** Asks for the adapter of the same transaction object again. */
  adapterAgain(): TransactionAdapter;
  /** A row of the application's, written through the library; its id is a text of at most 20 characters. */
  order(id: string): Promise<unknown>;
  /** The library's own savepoint: undone when `work` throws. */
  savepoint(work: (inner: CallerTransaction) => Promise<void>): Promise<void>;
}

/** An application that works with one client library. */
export interface Caller {
  /** Commits when `work` resolves, rolls back when it throws. */
  transaction<Result>(work: (inside: CallerTransaction) => Promise<Result>, isolation?: Isolation): Promise<Result>;
  /** An adapter where no transaction was begun. */
  outside(): TransactionAdapter;
  close(): Promise<void>;
}

const INSERT_ORDER = 'insert into orders (id) values';
const CONNECTIONS_MAX = 3;

function createPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS_MAX });
  pool.on('error', () => undefined);
  return pool;
}

function callPg(url: string): Caller {
  const pool = createPool(url);
  const inside = (client: pg.PoolClient): CallerTransaction => ({
    adapter: fromPg(client),
    adapterAgain: () => fromPg(client),
    order: (id) => client.query(`${INSERT_ORDER} ($1)`, [id]),
    async savepoint(work) {
      await client.query('savepoint mine');
      try {
        await work(inside(client));
        await client.query('release savepoint mine');
      } catch (error) {
        await client.query('rollback to savepoint mine');
        throw error;
      }
    },
  });
  return {
    async transaction(work, isolation = 'read committed') {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        await client.query(`begin isolation level ${isolation}`);
        const result = await work(inside(client));
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback').catch((lost: Error) => {
          broken = lost;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    outside: () => ({ executeSql: (text, values) => pool.query(text, [...values]) }),
    close: () => pool.end(),
  };
}

function callKysely(url: string, plugins: KyselyPlugin[] = []): Caller {
  const pool = createPool(url);
  const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }), plugins });
  const inside = (transaction: ControlledTransaction<unknown, string[]>): CallerTransaction => ({
    adapter: fromKysely(transaction),
    adapterAgain: () => fromKysely(transaction),
    order: (id) => sql`${sql.raw(INSERT_ORDER)} (${id})`.execute(transaction),
    async savepoint(work) {
      const inner = await transaction.savepoint('mine').execute();
      try {
        await work(inside(inner));
        await inner.releaseSavepoint('mine').execute();
      } catch (error) {
        await inner.rollbackToSavepoint('mine').execute();
        throw error;
      }
    },
  });
  return {
    async transaction(work, isolation = 'read committed') {
      const transaction = await kysely.startTransaction().setIsolationLevel(isolation).execute();
      try {
        const result = await work(inside(transaction as ControlledTransaction<unknown, string[]>));
        await transaction.commit().execute();
        return result;
      } catch (error) {
        await transaction.rollback().execute();
        throw error;
      }
    },
    outside: () => fromKysely(kysely),
    close: () => kysely.destroy(),
  };
}

function callKnex(url: string, settings: Knex.Config = {}): Caller {
  const database = knex({ client: 'pg', connection: url, pool: { min: 0, max: CONNECTIONS_MAX }, ...settings });
  const inside = (transaction: Knex.Transaction): CallerTransaction => ({
    adapter: fromKnex(transaction),
    adapterAgain: () => fromKnex(transaction),
    order: (id) => transaction.raw(`${INSERT_ORDER} (?)`, [id]),
    savepoint: (work) => transaction.transaction((inner) => work(inside(inner))),
  });
  return {
    transaction: (work, isolation = 'read committed') =>
      database.transaction((transaction) => work(inside(transaction)), { isolationLevel: isolation }),
    outside: () => fromKnex(database as Knex.Transaction),
    close: () => database.destroy(),
  };
}

function callPostgresJs(url: string, settings: postgres.Options<Record<string, never>> = {}): Caller {
  const database = postgres(url, { max: CONNECTIONS_MAX, onnotice: () => undefined, ...settings });
  const inside = (transaction: postgres.TransactionSql): CallerTransaction => ({
    adapter: fromPostgresJs(transaction),
    adapterAgain: () => fromPostgresJs(transaction),
    order: (id) => transaction`insert into orders (id) values (${id})`,
    savepoint: (work) => transaction.savepoint((inner) => work(inside(inner))),
  });
  return {
    transaction: (work, isolation = 'read committed') =>
      database.begin(`isolation level ${isolation}`, (transaction) => work(inside(transaction))) as Promise<
        Awaited<ReturnType<typeof work>>
      >,
    outside: () => fromPostgresJs(database),
    close: () => database.end(),
  };
}

/** A connection that postgres.js keeps for the caller, who begins and ends the transaction. */
function callReservedPostgresJs(url: string): Caller {
  const database = postgres(url, { max: CONNECTIONS_MAX, onnotice: () => undefined });
  const inside = (connection: postgres.ReservedSql): CallerTransaction => ({
    adapter: fromPostgresJs(connection),
    adapterAgain: () => fromPostgresJs(connection),
    order: (id) => connection`insert into orders (id) values (${id})`,
    async savepoint(work) {
      await connection`savepoint mine`;
      try {
        await work(inside(connection));
        await connection`release savepoint mine`;
      } catch (error) {
        await connection`rollback to savepoint mine`;
        throw error;
      }
    },
  });
  return {
    async transaction(work, isolation = 'read committed') {
      const connection = await database.reserve();
      try {
        await connection.unsafe(`begin isolation level ${isolation}`);
        const result = await work(inside(connection));
        await connection`commit`;
        return result;
      } catch (error) {
        await connection`rollback`.catch(() => undefined);
        throw error;
      } finally {
        connection.release();
      }
    },
    outside: () => fromPostgresJs(database),
    close: () => database.end(),
  };
}

type Drizzle = ReturnType<typeof drizzleOnPg> | ReturnType<typeof drizzleOnPostgresJs>;
type DrizzleTransaction = Pick<Drizzle, 'execute' | 'transaction'>;

function callDrizzle(database: Drizzle, close: () => Promise<void>): Caller {
  const inside = (transaction: DrizzleTransaction): CallerTransaction => ({
    adapter: fromDrizzle(transaction),
    adapterAgain: () => fromDrizzle(transaction),
    order: (id) => Promise.resolve(transaction.execute(drizzleSql`insert into orders (id) values (${id})`)),
    savepoint: (work) => transaction.transaction((inner: DrizzleTransaction) => work(inside(inner))),
  });
  return {
    transaction: (work, isolation = 'read committed') =>
      database.transaction((transaction: DrizzleTransaction) => work(inside(transaction)), {
        isolationLevel: isolation,
      }),
    outside: () => fromDrizzle(database),
    close,
  };
}

function callDrizzleOnPg(url: string): Caller {
  const pool = createPool(url);
  return callDrizzle(drizzleOnPg({ client: pool }), () => pool.end());
}

function callDrizzleOnPostgresJs(url: string, settings: postgres.Options<Record<string, never>> = {}): Caller {
  const client = postgres(url, { max: CONNECTIONS_MAX, onnotice: () => undefined, ...settings });
  return callDrizzle(drizzleOnPostgresJs({ client }), () => client.end());
}

/** Numbers in place of texts, as an application may ask of its client: money must not pass through them. */
const asNumbers = {
  types: { bigint: { to: 20, from: [20, 1700], serialize: String, parse: Number } },
} as unknown as postgres.Options<Record<string, never>>;

const toCamelCase = (rows: Record<string, unknown>[]) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value]),
    ),
  );

/** Every client library that has an adapter, plain and with the settings that change what it answers. */
export const CALLERS: readonly (readonly [name: string, call: (url: string) => Caller])[] = [
  ['pg', callPg],
  ['kysely', callKysely],
  ['kysely with camelCase', (url) => callKysely(url, [new CamelCasePlugin()])],
  ['knex', callKnex],
  [
    'knex with camelCase',
    (url) =>
      callKnex(url, { postProcessResponse: ({ rows, ...rest }) => ({ ...rest, rows: toCamelCase(rows ?? []) }) }),
  ],
  ['postgres.js', callPostgresJs],
  ['postgres.js with camelCase', (url) => callPostgresJs(url, { transform: postgres.camel })],
  [
    'postgres.js with kebab-case, numbers and no prepared statements',
    (url) => callPostgresJs(url, { transform: postgres.kebab, prepare: false, ...asNumbers }),
  ],
  ['a reserved connection of postgres.js', callReservedPostgresJs],
  ['drizzle on node-postgres', callDrizzleOnPg],
  ['drizzle on postgres.js', callDrizzleOnPostgresJs],
  ['drizzle on postgres.js with PascalCase', (url) => callDrizzleOnPostgresJs(url, { transform: postgres.pascal })],
];
