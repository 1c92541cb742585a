import { sql } from 'kysely';
import type { Database } from '../database/connect.js';

/** Writes to the log of the database alone: no table grows by it. */
const WRITE = sql`select pg_logical_emit_message(true, 'micropay.readiness', '')`;

export interface CommitProbe {
  /** Commits a small write, and resolves when the database says that it has: not while a synchronous standby is lost. */
  run(): Promise<void>;
  /** Gives up the commit that hangs, so that its connection is free again. Without one it does nothing. */
  cancel(): Promise<void>;
}

/**
 * Finds out whether commits come back. Neither `statement_timeout` nor the end of a connection ends the wait for a synchronous
 * standby: a probe that is left alone would keep its backend for as long as the standby is away. There is one at a time.
 */
export function createCommitProbe(database: Database): CommitProbe {
  let underWay: Promise<void> | undefined;
  let pid: number | undefined;
  let cancelling: Promise<unknown> = Promise.resolve();

  async function write(): Promise<void> {
    await database.connection().execute(async (connection) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(connection);
      pid = rows[0]?.pid;
      try {
        await WRITE.execute(connection);
      } finally {
        pid = undefined;
        // A request that is late must not meet the next statement on this connection.
        await cancelling;
      }
    });
  }

  return {
    run() {
      underWay ??= write().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
    async cancel() {
      if (pid === undefined) return;
      cancelling = sql`select pg_cancel_backend(${pid})`.execute(database).catch(() => undefined);
      await cancelling;
    },
  };
}
