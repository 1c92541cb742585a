import type { Client, PoolConfig, QueryResult } from 'pg';
import type { PreparedStatement } from '../postgres/balances.js';
import { openClient } from '../postgres/connect.js';
import { isRetired, serverOf } from '../postgres/server-watch.js';
import type { EngineCapacity } from './capacity.js';

/** A statement and its values. */
export type Call = readonly [statement: PreparedStatement, values?: readonly unknown[]];

/** The outcome of each statement. */
export type Answers = readonly PromiseSettledResult<QueryResult>[];

/** A connection of the engine's own that sends several statements at once and reads their results in order. */
export interface Lane {
  /** The first statement of each transaction. */
  readonly begin: PreparedStatement;
  /** Settles when every statement has; it never rejects. `onAnswer` is called at the response to each that did not fail. */
  executeAll(calls: readonly Call[], onAnswer?: (index: number) => void): Promise<Answers>;
  /** The server that the connection leads to. */
  readonly server: string | undefined;
  /** False once the connection broke. */
  isUsable(): boolean;
  close(): Promise<void>;
}

/** Members of `pg` that its types lack. */
type Referenced = Client & { ref(): void; unref(): void };

const STATEMENT_TIMEOUT_MS = 10_000;

/**
 * A lane runs a handful of statements, each on a few rows that it names by key: neither compiling nor
 * planning them anew pays, and reading a whole table is never right, whatever the statistics say of a
 * table that has just been filled.
 */
const PLANNER_SETTINGS = {
  jit: 'off',
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
};

/**
 * Begins a transaction with the settings of a lane, in one message. They are the transaction's own: whoever has the
 * session next does not find them, and where the tables are distributed they go along to the nodes.
 */
function beginWith(settings: Readonly<Record<string, string>>): PreparedStatement {
  const sets = Object.entries(settings).map(([name, value]) => `; set local ${name} = ${value}`);
  return { name: '', text: `begin isolation level read committed${sets.join('')}` };
}

export const COMMIT: PreparedStatement = { name: '', text: 'commit' };
export const ROLLBACK: PreparedStatement = { name: '', text: 'rollback' };

export async function openLane(
  database: string | PoolConfig,
  { lockTimeoutMs, answerTimeoutMs }: Pick<EngineCapacity, 'lockTimeoutMs' | 'answerTimeoutMs'>,
): Promise<Lane> {
  let usable = true;
  const markBroken = () => {
    usable = false;
  };
  const timeouts = { statementTimeoutMs: STATEMENT_TIMEOUT_MS, lockTimeoutMs, answerTimeoutMs };
  const client = (await openClient(database, timeouts, markBroken)) as Referenced;
  client.on('end', markBroken);
  // Keeps the process alive only while a response is expected: a program may end without `close()`.
  client.unref();
  let underWay = 0;
  return {
    begin: beginWith({ ...PLANNER_SETTINGS, lock_timeout: String(lockTimeoutMs) }),
    async executeAll(calls, onAnswer) {
      client.ref();
      underWay += 1;
      const answers = await Promise.allSettled(
        calls.map(([{ name, text }, values], index) => {
          const answer = client.query(name === '' ? text : { name, text, values: values as unknown[] });
          if (onAnswer !== undefined) answer.then(() => onAnswer(index)).catch(() => undefined);
          return answer;
        }),
      );
      underWay -= 1;
      if (underWay === 0) client.unref();
      return answers;
    },
    server: serverOf(client),
    isUsable: () => usable && !isRetired(client),
    close() {
      client.ref();
      return client.end();
    },
  };
}
