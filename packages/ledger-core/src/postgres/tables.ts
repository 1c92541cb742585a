import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import type { AccountStatus, AccountType } from '../domain/accounts/account.js';
import type { SqlExecutor } from './transaction-adapter.js';

/** The ledger's tables as kysely reads them: `numeric` and `bigint` are texts on the wire. */
export interface Tables {
  ledgers: { id: number; name: string };
  currencies: { ledger: number; code: string; scale: number };
  accounts: {
    ledger: number;
    id: string;
    address: string;
    type: AccountType;
    currency: string;
    metadata: unknown;
    opened_at: Date;
  };
  balances: {
    ledger: number;
    account_id: string;
    version: string;
    recorded_at: Date;
    debit_normal: boolean;
    status: AccountStatus;
    currency: string;
    minimum: string | null;
    maximum: string | null;
    debits_posted: string;
    credits_posted: string;
    debits_pending: string;
    credits_pending: string;
  };
}

/** Writes SQL for the tables of one schema; it never connects. */
export type SqlBuilder = Kysely<Tables>;

export function createSqlBuilder(schema: string): SqlBuilder {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (database) => new PostgresIntrospector(database),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }).withSchema(schema);
}

/** Runs a query that kysely wrote; its row type is the query's own. */
export async function run<Row>(
  executor: SqlExecutor,
  query: { compile(): { readonly sql: string; readonly parameters: readonly unknown[] }; execute(): Promise<Row[]> },
): Promise<readonly Row[]> {
  const { sql, parameters } = query.compile();
  const { rows } = await executor.executeSql(sql, parameters);
  return rows as readonly Row[];
}
