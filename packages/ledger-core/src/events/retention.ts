import type { PoolConfig } from 'pg';
import { object, optional, TIMER_MS_MAX, wholeNumber } from '../domain/input/arguments.js';
import { instant } from '../domain/input/instant.js';
import { createPool, fromPool, inTransaction } from '../postgres/connect.js';
import { databaseArgument } from '../postgres/database-argument.js';
import { deleteTakenEvents, findLedgersWithOldEvents } from '../postgres/event-cursors.js';
import { fromSqlError } from '../postgres/sql-errors.js';
import { createStore, schemaName } from '../postgres/store.js';

export interface RetentionOptions {
  /** Connection string or `pg` settings of a role that may delete from `events`. */
  readonly database: string | PoolConfig;
  /** Default `micropay`. */
  readonly schema?: string;
  /** Events recorded at this instant or later are kept. */
  readonly before: Date;
  /**
   * Events younger than this many milliseconds are kept, whatever `before` says. Subscribers, who have no cursor, may be a
   * moment later than the sinks, and would otherwise be refused with `events_gone`. Default 60,000.
   */
  readonly ageMinMs?: number;
}

const AGE_MIN_MS = 60_000;
const BATCH_SIZE = 10_000;
const LIMITS = { connectionsMax: 1, statementTimeoutMs: 60_000, lockTimeoutMs: 5_000, answerTimeoutMs: 60_000 };

const readOptions = object<RetentionOptions>({
  database: databaseArgument,
  schema: optional(schemaName),
  before: instant,
  ageMinMs: optional(wholeNumber(0, TIMER_MS_MAX)),
});

/**
 * Deletes domain events that have been delivered to every sink, ledger by ledger, and returns how many. Events that a sink still
 * needs are kept, even if it is paused, and without a sink nothing is deleted. To stop waiting for an unused sink, delete its rows
 * of `event_cursors` and `event_sinks`. The journal is never deleted: transfers can always be replayed, deleted events cannot.
 *
 * @throws {LedgerError} `invalid_request`, `database_unavailable`
 */
export async function deleteDeliveredEvents(options: RetentionOptions): Promise<number> {
  const { database, schema, before, ageMinMs = AGE_MIN_MS } = readOptions(options, 'options');
  const store = createStore(schema ?? 'micropay');
  const pool = createPool(database, LIMITS);
  try {
    let deleted = 0;
    for (const ledger of await findLedgersWithOldEvents({ ...store, sql: fromPool(pool) }, { before, ageMinMs })) {
      deleted += await deleteOf(ledger);
    }
    return deleted;
  } catch (error) {
    throw fromSqlError(error);
  } finally {
    await pool.end();
  }

  async function deleteOf(ledger: number): Promise<number> {
    for (let deleted = 0; ; ) {
      const count = await inTransaction(pool, (sql) =>
        deleteTakenEvents({ ...store, sql, ledger }, { before, ageMinMs, limit: BATCH_SIZE }),
      );
      deleted += count;
      if (count < BATCH_SIZE) return deleted;
    }
  }
}
