import type { PoolConfig, QueryResult } from 'pg';
import type { NamedStatement } from '../postgres/balances.js';
import { openClient } from '../postgres/connect.js';
import type { EngineLimits } from './limits.js';

/** A statement and its values. */
export type Call = readonly [statement: NamedStatement, values?: readonly unknown[]];

/** What came of statements, one each. */
export type Answers = readonly PromiseSettledResult<QueryResult>[];

/** A connection of the engine's own that sends several statements at once and reads the answers in order. */
export interface Lane {
  /** Settles when every statement has; it never rejects. */
  executeAll(calls: readonly Call[]): Promise<Answers>;
  /** False once the connection broke. */
  isUsable(): boolean;
  close(): Promise<void>;
}

const STATEMENT_TIMEOUT_MS = 10_000;

/**
 * A lane runs a handful of statements, each on a few rows that it names by key: neither compiling nor
 * planning them anew pays, and reading a whole table is never right, whatever the statistics say of a
 * table that has just been filled.
 */
const PLANNER_SETTINGS =
  'set jit = off; set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_bitmapscan = off';

export const BEGIN: NamedStatement = { name: '', text: 'begin isolation level read committed' };
export const COMMIT: NamedStatement = { name: '', text: 'commit' };
export const ROLLBACK: NamedStatement = { name: '', text: 'rollback' };

export async function openLane(
  database: string | PoolConfig,
  { lockTimeoutMs, answerTimeoutMs }: Pick<EngineLimits, 'lockTimeoutMs' | 'answerTimeoutMs'>,
): Promise<Lane> {
  let usable = true;
  const markBroken = () => {
    usable = false;
  };
  const limits = { statementTimeoutMs: STATEMENT_TIMEOUT_MS, lockTimeoutMs, answerTimeoutMs };
  const client = await openClient(database, limits, markBroken);
  client.on('end', markBroken);
  await client.query(PLANNER_SETTINGS).catch((error: unknown) => {
    client.end().catch(() => undefined);
    throw error;
  });
  return {
    executeAll: (calls) =>
      Promise.allSettled(
        calls.map(([{ name, text }, values]) =>
          client.query(name === '' ? text : { name, text, values: values as unknown[] }),
        ),
      ),
    isUsable: () => usable,
    close: () => client.end(),
  };
}
