import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger, VerifyReport } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import type { VerificationClaim, Verifications } from './verifications.js';

const MS_PER_S = 1_000;
const LOOK_EVERY_MS_MAX = 30_000;
/** Problems that a line of the log names; "micropay verify" lists them all. */
const PROBLEMS_LOGGED_MAX = 10;
/** A claim is renewed so often within its lease that a slow database does not lose it. */
const RENEWALS = 4;

export interface ScheduledVerification {
  start(): void;
  /** Ends a run between two snapshots, and lets another server have it at once. */
  stop(): Promise<void>;
}

interface Dependencies {
  readonly ledger: Pick<Ledger, 'name' | 'verify'>;
  readonly verifications: Verifications;
  readonly everySeconds: number;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/**
 * Verifies the ledger again and again, at the gentle pace: one server of all at a time, by a claim that lapses with the
 * server that has it.
 */
export function createScheduledVerification({
  ledger,
  verifications,
  everySeconds,
  log,
}: Dependencies): ScheduledVerification {
  const stopping = new AbortController();
  const { signal } = stopping;
  const lookEveryMs = Math.min(LOOK_EVERY_MS_MAX, (everySeconds * MS_PER_S) / 2);
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await lookOnce().catch((err: unknown) => {
        if (!signal.aborted) log.warn({ work: 'verification', err }, 'background work failed');
      });
      await delay(lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async function lookOnce(): Promise<void> {
    const claim = await verifications.claim(everySeconds);
    if (claim === undefined) return;
    const startedAtMs = performance.now();
    // Not after every failure: a run that cannot be finished comes again when the lease has lapsed, and not at once.
    const report = await verifyUnder(claim).catch(async (error: unknown) => {
      if (signal.aborted) await claim.giveUp();
      throw error;
    });
    // First, as the database may be away by now.
    logReport(report);
    await claim.finish(report, performance.now() - startedAtMs);
  }

  /** Verifies for as long as the claim is this server's own. */
  async function verifyUnder(claim: VerificationClaim): Promise<VerifyReport> {
    const lost = new AbortController();
    const renewal = setInterval(
      () => {
        claim.renew().then(
          (isKept) => isKept || lost.abort(new Error('another server verifies by now')),
          // If the database stays away, the run fails by itself.
          () => undefined,
        );
      },
      (verifications.leaseSeconds * MS_PER_S) / RENEWALS,
    ).unref();
    try {
      return await ledger.verify({ pace: 'gentle', signal: AbortSignal.any([signal, lost.signal]) });
    } finally {
      clearInterval(renewal);
    }
  }

  function logReport({ ok, accounts, transfers, problems, problemsFound }: VerifyReport): void {
    const checked = { ledger: ledger.name, accounts, transfers };
    if (ok) {
      log.info(checked, 'the ledger was verified, and nothing is wrong');
      return;
    }
    const found = { problemsFound, problems: problems.slice(0, PROBLEMS_LOGGED_MAX) };
    log.error(
      { ...checked, ...found },
      'the ledger was verified, and problems were found: see docs/operating/runbooks.md',
    );
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort(new Error('the server stops'));
      await running;
    },
  };
}
