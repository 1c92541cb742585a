import type { Client, PoolConfig } from 'pg';
import { FOLLOWING, fromClient, openClient } from '../postgres/connect.js';
import { tryToLead } from '../postgres/event-sinks.js';
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
 * With these settings PostgreSQL detects within half a minute that the leader's machine is gone, and releases the lead. They
 * have no effect on a Unix socket.
 */
const DETECT_LOST_LEADER =
  'set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3';

/**
 * This connection writes nothing but the cursor. If a crash of PostgreSQL loses its last moves, events are delivered again. A
 * deletion of delivered events commits after the move of the cursor that it relies on, so it cannot outlive it.
 */
const COMMIT_WITHOUT_FLUSH = 'set synchronous_commit = off';

/**
 * Waits for the lead of a sink, then runs `work` on the connection that holds it. The lead is a lock of the session: only one
 * process has it, and it is released when the connection ends for any reason.
 */
export async function leading(options: LeadOptions, work: (client: Client) => Promise<void>): Promise<void> {
  const { database, store, sink, signal, pause, onError } = options;
  const client = await openClient(database, FOLLOWING, onError);
  try {
    const own = { ...store, sql: fromClient(client) };
    await checkSchema(own);
    await client.query(`${DETECT_LOST_LEADER}; ${COMMIT_WITHOUT_FLUSH}`);
    while (!(await tryToLead(own, sink))) {
      await pause(LEADER_POLL_MS);
      if (signal.aborted) return;
    }
    await work(client);
  } finally {
    await client.end().catch(onError);
  }
}
