import { hash } from 'node:crypto';
import { sql } from 'kysely';
import type { Database } from '../database/connect.js';
import { inSteps } from '../database/in-steps.js';
import {
  createRatePolicy,
  type RateLimitHeaders,
  type RatePolicy,
  rateLimited,
  rateLimitHeaders,
  WINDOW_S,
} from './rate-limit-headers.js';
import { createUsedUpNames } from './used-up-names.js';

const WINDOW = sql`make_interval(secs => ${WINDOW_S})`;
/** Below this, what is left is a rounding error of the clock's microseconds. */
const ATTEMPTS_PRECISION = 1e-4;

/** Counts attempts by name; response headers say how many are left. */
export interface AttemptLimit {
  /**
   * Counts attempts, one when their number is left out: all of them or, when fewer are left, none.
   *
   * @throws {ProblemError} `rate_limited`
   */
  take(name: string, attempts?: number): Promise<RateLimitHeaders>;
  /**
   * Refuses a name that was found used up lately, and counts nothing.
   *
   * @throws {ProblemError} `rate_limited`
   */
  refuseUsedUp(name: string): void;
}

/**
 * A token bucket for each name: `perMinute` attempts at once, refilled steadily. It is a row of the database, so that all
 * processes count together, by the database's clock.
 */
export function createAttemptLimit(
  database: Database,
  ledger: string,
  { policy, perMinute }: Pick<RatePolicy, 'policy' | 'perMinute'>,
): AttemptLimit {
  const limit = createRatePolicy(policy, perMinute);
  const usedUp = createUsedUpNames(perMinute);
  const attemptS = WINDOW_S / perMinute;

  /** Answers the seconds until the bucket is full again; undefined if fewer attempts are left. */
  async function takeFrom(nameHash: Buffer, attempts: number): Promise<number | undefined> {
    const taken = sql`make_interval(secs => ${attempts * attemptS})`;
    // A bucket that takes longer to fill than the window is of before the database's clock was set back.
    const fullAt = sql<Date>`least(greatest(attempts.full_at, now()), now() + ${WINDOW}) + ${taken}`;
    const row = await database
      .insertInto('attempts')
      .values({ ledger, policy, name_hash: nameHash, full_at: sql<Date>`now() + ${taken}` })
      .onConflict((conflict) =>
        conflict
          .columns(['ledger', 'policy', 'name_hash'])
          .doUpdateSet({ full_at: fullAt })
          .where(sql<boolean>`${fullAt} <= now() + ${WINDOW}`),
      )
      .returning(fullInSeconds())
      .executeTakeFirst();
    return row?.seconds;
  }

  async function readBucket(nameHash: Buffer): Promise<number> {
    const row = await database
      .selectFrom('attempts')
      .select(fullInSeconds())
      .where('ledger', '=', ledger)
      .where('policy', '=', policy)
      .where('name_hash', '=', nameHash)
      .executeTakeFirst();
    return Math.min(WINDOW_S, Math.max(0, row?.seconds ?? 0));
  }

  function leftOf(fullInS: number): number {
    return (WINDOW_S - fullInS) / attemptS + ATTEMPTS_PRECISION;
  }

  function refuseUsedUp(nameHash: Buffer, attempts: number): void {
    const left = usedUp.leftAtMost(nameHash);
    if (left < attempts) throw rateLimited(limit, left, attempts);
  }

  return {
    async take(name, attempts = 1) {
      const nameHash = hashOf(name);
      // Whoever goes on beyond the limit costs no statement.
      refuseUsedUp(nameHash, attempts);
      const fullInS = await takeFrom(nameHash, attempts);
      if (fullInS !== undefined) return rateLimitHeaders(limit, leftOf(fullInS));
      const left = leftOf(await readBucket(nameHash));
      usedUp.remember(nameHash, left);
      throw rateLimited(limit, left, attempts);
    },
    refuseUsedUp: (name) => refuseUsedUp(hashOf(name), 1),
  };
}

/** Names hold emails and addresses, which are nobody's business in a table of counts. */
function hashOf(name: string): Buffer {
  return hash('sha256', name, 'buffer');
}

function fullInSeconds() {
  return sql<number>`extract(epoch from attempts.full_at - now())::float8`.as('seconds');
}

const REMOVED_AT_ONCE = 10_000;

/** Forgets the names whose attempts are all back. */
export function removeFullBuckets(database: Database, ledger: string): Promise<void> {
  const full = database
    .selectFrom('attempts')
    .select(sql`ctid`.as('place'))
    .where('ledger', '=', ledger)
    .where('full_at', '<', sql<Date>`now()`)
    .limit(REMOVED_AT_ONCE)
    // One that is taken from is not full for long, and whoever takes from several must not wait in a circle.
    .forUpdate()
    .skipLocked();
  return inSteps(REMOVED_AT_ONCE, () =>
    database
      .deleteFrom('attempts')
      .where(sql<boolean>`ctid in ${full}`)
      // Taken from in the meantime, it is not full.
      .where('full_at', '<', sql<Date>`now()`)
      .executeTakeFirst(),
  );
}
