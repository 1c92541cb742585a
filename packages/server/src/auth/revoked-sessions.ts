import { sql } from 'kysely';
import type { Database } from '../database/connect.js';

/** Longer than an access token lives: after that its session need not be remembered. */
const REMEMBER_MS = 11 * 60_000;
/** A session ended in a database transaction that commits late is still found by the next polls. */
const OVERLAP_MS = 30_000;

/**
 * The sessions of this ledger that have ended and may still have a valid access token, kept in memory so that no request has
 * to ask the database. A logout counts at once in the process that answers it, and in others at their next
 * poll, every two seconds. While the database is away a poll fails; no money moves in that time either.
 */
export interface RevokedSessions {
  has(sessionId: string): boolean;
  add(sessionId: string): void;
  /** Learns what other processes have ended. */
  poll(): Promise<void>;
}

export function createRevokedSessions(database: Database, ledger: string): RevokedSessions {
  const forgetAtMs = new Map<string, number>();
  let polledAtMs = 0;

  function add(sessionId: string): void {
    forgetAtMs.set(sessionId, Date.now() + REMEMBER_MS);
  }

  async function poll(): Promise<void> {
    const nowMs = Date.now();
    const windowS = Math.min(nowMs - polledAtMs + OVERLAP_MS, REMEMBER_MS) / 1_000;
    const rows = await database
      .selectFrom('sessions')
      .select('id')
      .where('ledger', '=', ledger)
      .where('revoked_at', '>', sql<Date>`now() - make_interval(secs => ${windowS})`)
      .execute();
    for (const { id } of rows) if (!forgetAtMs.has(id)) add(id);
    for (const [id, atMs] of forgetAtMs) if (atMs < nowMs) forgetAtMs.delete(id);
    polledAtMs = nowMs;
  }

  return { has: (sessionId) => forgetAtMs.has(sessionId), add, poll };
}
