import type { Client, PoolConfig } from 'pg';
import { FOLLOWING, fromClient, openClient } from '../postgres/connect.js';
import { tryToLead } from '../postgres/event-cursors.js';
import { checkSchema } from '../postgres/migrate.js';
import type { Store } from '../postgres/store.js';

export interface LeadOptions {
  readonly database: string | PoolConfig;
  readonly store: Store;
  readonly sink: string;
  readonly signal: AbortSignal;
  readonly pause: (ms: number) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

const LEADER_POLL_MS = 500;

/**
 * By these PostgreSQL notices within half a minute that the leader's machine is gone, and frees the lead. On
 * a socket of the same machine they have no meaning, and no effect.
 */
const NOTICE_LOSS = 'set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3';

/**
 * The cursor is all that is written here, and a crash of PostgreSQL that forgets its last moves only makes
 * events come again. What is deleted behind a cursor commits after it, and is never safe before it.
 */
const FORGETFUL = 'set synchronous_commit = off';

/**
 * Waits for the lead of a sink, then runs `work` on the connection whose lock is the lead: one leader over
 * all processes, and the lead is free again when the connection ends, however it ends.
 */
export async function leading(options: LeadOptions, work: (client: Client) => Promise<void>): Promise<void> {
  const { database, store, sink, signal, pause, onError } = options;
  const client = await openClient(database, FOLLOWING, onError);
  try {
    const own = { ...store, sql: fromClient(client) };
    await checkSchema(own);
    await client.query(`${NOTICE_LOSS}; ${FORGETFUL}`);
    while (!(await tryToLead(own, sink))) {
      await pause(LEADER_POLL_MS);
      if (signal.aborted) return;
    }
    await work(client);
  } finally {
    await client.end().catch(onError);
  }
}
