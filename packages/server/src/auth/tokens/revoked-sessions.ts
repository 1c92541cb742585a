import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';

/** Longer than an access token lives: after that its session need not be remembered. */
const REMEMBER_MS = 11 * 60_000;
/** A session ended in a database transaction that commits late is still found by the next polls. */
const OVERLAP_MS = 30_000;

/**
 * The sessions of this ledger that have ended and may still have a valid access token, kept in memory so that no request
 * has to ask the database. A logout counts at once in the process that answers it, and in others at their next
 * poll, every two seconds. While the database is away a poll fails; no money moves in that time either.
 */
export interface RevokedSessions {
  has(sessionId: string): boolean;
  add(sessionId: string): void;
  /** Learns what other processes have ended. */
  poll(): Promise<void>;
}

/** When a session may be forgotten: tokens expire by the clock on the wall, which may be set back, and time passes by the other. */
interface Forgetting {
  readonly wallMs: number;
  readonly elapsedMs: number;
}

export function createRevokedSessions(database: Database, ledger: string): RevokedSessions {
  const ended = new Map<string, Forgetting>();
  /** By the database's clock, which the ends of sessions are written by. */
  let polledAtMs = 0;

  function add(sessionId: string): void {
    ended.set(sessionId, { wallMs: Date.now() + REMEMBER_MS, elapsedMs: performance.now() + REMEMBER_MS });
  }

  function forgetOld(): void {
    for (const [id, { wallMs, elapsedMs }] of ended) {
      if (wallMs < Date.now() && elapsedMs < performance.now()) ended.delete(id);
    }
  }

  async function poll(): Promise<void> {
    const { nowMs, ids } = await readEnded(database, ledger, polledAtMs);
    for (const id of ids) if (!ended.has(id)) add(id);
    forgetOld();
    polledAtMs = nowMs;
  }

  return { has: (sessionId) => ended.has(sessionId), add, poll };
}

/** The sessions that ended since the last poll, or since the database's clock, if it was set back to before that. */
function readEnded(database: Database, ledger: string, polledAtMs: number) {
  const polledAt = sql`least(to_timestamp(${polledAtMs}::float8 / 1000), now())`;
  const since = sql<Date>`greatest(${polledAt} - ${milliseconds(OVERLAP_MS)}, now() - ${milliseconds(REMEMBER_MS)})`;
  return database
    .selectNoFrom(({ selectFrom }) => [
      sql<number>`(extract(epoch from now()) * 1000)::float8`.as('nowMs'),
      selectFrom('sessions')
        .select(sql<readonly string[]>`coalesce(array_agg(id::text), '{}')`.as('ids'))
        .where('ledger', '=', ledger)
        .where('revoked_at', '>', since)
        .as('ids'),
    ])
    .$narrowType<{ ids: readonly string[] }>()
    .executeTakeFirstOrThrow();
}

function milliseconds(count: number) {
  return sql`make_interval(secs => ${count / 1_000})`;
}
