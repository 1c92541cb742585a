import { randomUUID } from 'node:crypto';
import type { VerifyReport } from '@micropay/ledger-core';
import { sql } from 'kysely';
import type { Database } from '../database/connect.js';

/** A process that dies or loses the database gives its claim up after this time, and another one begins anew. */
const LEASE_SECONDS = 60;

/** After problems were found, so that the alert ends soon after they have been mended. */
const AGAIN_SECONDS = 3_600;

const MS_PER_S = 1_000;

/** The state of a ledger's verification, the same for all servers. */
export interface VerificationStatus {
  /** Since the last run that reached its end; while there was none, since the first server looked. */
  readonly ageSeconds: number;
  /** What that run found; 0 while there was none. */
  readonly problemsFound: number;
  readonly durationSeconds: number;
  readonly isRunning: boolean;
}

/** Who verifies when, in one row for each ledger, by the clock of the database. */
export interface Verifications {
  readonly leaseSeconds: number;
  /** Claims the next run if one is due and nobody has it; undefined otherwise. After problems one is due within the hour. */
  claim(everySeconds: number): Promise<VerificationClaim | undefined>;
  /** Undefined before any server has looked. */
  status(): Promise<VerificationStatus | undefined>;
}

export interface VerificationClaim {
  /** Keeps the claim for another lease; false when somebody else has it by now. */
  renew(): Promise<boolean>;
  /** Writes the result down, unless somebody else has the claim. */
  finish(report: VerifyReport, durationMs: number): Promise<void>;
  /** Lets another process begin at once. */
  giveUp(): Promise<void>;
}

export function createVerifications(
  database: Database,
  ledger: string,
  leaseSeconds: number = LEASE_SECONDS,
): Verifications {
  const leaseEnd = sql<Date>`now() + ${leaseSeconds} * interval '1 second'`;

  function claimOf(holder: string): VerificationClaim {
    const own = () => database.updateTable('verifications').where('ledger', '=', ledger).where('holder', '=', holder);
    return {
      async renew() {
        const { numUpdatedRows } = await own().set({ leased_until: leaseEnd }).executeTakeFirst();
        return numUpdatedRows > 0n;
      },
      async finish({ problemsFound }, durationMs) {
        await own()
          .set({
            holder: null,
            leased_until: null,
            finished_at: sql`now()`,
            problems_found: problemsFound,
            duration_seconds: durationMs / MS_PER_S,
          })
          .execute();
      },
      async giveUp() {
        await own().set({ holder: null, leased_until: null }).execute();
      },
    };
  }

  return {
    leaseSeconds,
    async claim(everySeconds) {
      await database
        .insertInto('verifications')
        .values({ ledger })
        .onConflict((met) => met.doNothing())
        .execute();
      const holder = randomUUID();
      const waitSeconds = sql`case when problems_found > 0 then ${Math.min(everySeconds, AGAIN_SECONDS)}::float8 else ${everySeconds}::float8 end`;
      const { numUpdatedRows } = await database
        .updateTable('verifications')
        .set({ holder, leased_until: leaseEnd })
        .where('ledger', '=', ledger)
        .where(sql<boolean>`coalesce(leased_until < now(), true)`)
        .where(sql<boolean>`coalesce(finished_at < now() - ${waitSeconds} * interval '1 second', true)`)
        .executeTakeFirst();
      return numUpdatedRows > 0n ? claimOf(holder) : undefined;
    },
    async status() {
      const row = await database
        .selectFrom('verifications')
        .select([
          sql<number>`extract(epoch from now() - coalesce(finished_at, created_at))::float8`.as('age'),
          sql<number>`coalesce(problems_found, 0)::float8`.as('problems'),
          sql<number>`coalesce(duration_seconds, 0)::float8`.as('duration'),
          sql<boolean>`coalesce(leased_until > now(), false)`.as('running'),
        ])
        .where('ledger', '=', ledger)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      return {
        ageSeconds: row.age,
        problemsFound: row.problems,
        durationSeconds: row.duration,
        isRunning: row.running,
      };
    },
  };
}
