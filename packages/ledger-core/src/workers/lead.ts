import type { Client, PoolConfig } from 'pg';
import { FOLLOWING, fromClient, openClient } from '../postgres/connect.js';
import { endLeader, findWaitingLeader, tryToLead, type WaitingLeader } from '../postgres/event-sinks.js';
import { checkSchema } from '../postgres/migrate.js';
import type { ConnectedStore, Store } from '../postgres/store.js';

export interface LeadOptions {
  readonly database: string | PoolConfig;
  readonly store: Store;
  readonly sink: string;
  readonly signal: AbortSignal;
  readonly pause: (ms: number) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** A leader that has sent nothing for so long is deposed. */
  readonly silentMaxMs?: number;
  /** The time between two signs of life of the leader. */
  readonly beatMs?: number;
}

const LEADER_POLL_MS = 500;
const SILENT_MAX_MS = 30_000;
/** A sixth, so that a leader under load is not taken for one that has stopped. */
const BEAT_MS = 5_000;

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
 *
 * A process that is stopped, and not dead, keeps its connection. So the leader gives a sign of life every few seconds, whatever it
 * does meanwhile, and who waits ends the session of a leader that has given none for half a minute, by the clock of who waits. It cannot move a
 * cursor any more: what it still sends when it goes on is delivered twice.
 */
export async function leading(options: LeadOptions, work: (client: Client) => Promise<void>): Promise<void> {
  const { database, store, sink, signal, pause, onError, silentMaxMs = SILENT_MAX_MS, beatMs = BEAT_MS } = options;
  const client = await openClient(database, FOLLOWING, onError);
  let beating: NodeJS.Timeout | undefined;
  try {
    const own = { ...store, sql: fromClient(client) };
    await checkSchema(own);
    await client.query(`${DETECT_LOST_LEADER}; ${COMMIT_WITHOUT_FLUSH}`);
    const depose = createDepose(own, sink, silentMaxMs);
    while (!(await tryToLead(own, sink))) {
      if (await depose()) onError(silentLeader(sink, silentMaxMs));
      await pause(LEADER_POLL_MS);
      if (signal.aborted) return;
    }
    // One that fails says what the next statement says.
    beating = setInterval(() => void client.query('select').catch(() => undefined), beatMs);
    await work(client);
  } finally {
    clearInterval(beating);
    await client.end().catch(onError);
  }
}

/** Ends the session of a leader that is found without a sign of life for too long; true when it has. */
function createDepose(store: ConnectedStore, sink: string, silentMaxMs: number): () => Promise<boolean> {
  let seen: WaitingLeader | undefined;
  let seenAtMs = 0;
  return async () => {
    const leader = await findWaitingLeader(store, sink);
    if (leader === undefined || leader.pid !== seen?.pid || leader.since !== seen.since) {
      seen = leader;
      seenAtMs = performance.now();
      return false;
    }
    if (performance.now() - seenAtMs < silentMaxMs) return false;
    seen = undefined;
    return endLeader(store, sink, leader);
  };
}

function silentLeader(sink: string, silentMaxMs: number): Error {
  return new Error(`the leader of sink ${sink} sent nothing for ${silentMaxMs} ms, and its session was ended`);
}
