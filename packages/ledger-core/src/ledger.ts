import type { PoolConfig } from 'pg';
import type { EngineLimits } from './engine/limits.js';
import type { Ledger } from './ledger-api.js';

export interface LedgerOptions {
  /** Connection string or `pg` pool settings of a direct PostgreSQL connection. */
  readonly database: string | PoolConfig;
  /** PostgreSQL schema of the tables; default `micropay`. */
  readonly schema?: string;
  /** The ledger's name; made on first use; default `main`. */
  readonly name?: string;
  readonly limits?: Partial<EngineLimits>;
}

export declare function createLedger(options: LedgerOptions): Ledger;
