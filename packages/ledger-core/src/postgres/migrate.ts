import type { PoolConfig } from 'pg';

export interface MigrateOptions {
  readonly database: string | PoolConfig;
  readonly schema?: string;
}
export interface Migration {
  /** File name, `0001-journal.sql`. */
  readonly name: string;
  readonly sql: string;
}
/** Brings the ledger's tables to this version of the code. Safe to run many times and at once. Returns the names applied now. */
export declare function migrate(options: MigrateOptions): Promise<readonly string[]>;
/** The same for another component's own tables in the same schema (the server's). */
export declare function applyMigrations(
  options: MigrateOptions & { readonly component: string; readonly migrations: readonly Migration[] },
): Promise<readonly string[]>;
