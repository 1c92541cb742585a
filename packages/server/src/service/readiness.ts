import { type Ledger, LedgerError } from '@micropay/ledger-core';
import { Gauge, type Registry } from 'prom-client';
import type { Database } from '../database/connect.js';
import { withDeadline } from '../throttling/deadline.js';
import { sharedWork } from '../throttling/shared-work.js';
import { createCommitProbe } from './commit-probe.js';

interface ReadinessServices {
  readonly ledger: Pick<Ledger, 'check'>;
  readonly database: Database;
}

/** The route is public, so results are kept for a moment to spare the database. */
const KEPT_MS = 1_000;
/** A database that takes longer for a trivial statement or commit cannot serve requests. */
const TIMEOUT_MS = 3_000;

/** Rejects while this process cannot serve requests. */
export type CheckReady = () => Promise<unknown>;

/** One for the route and the metric: each look at the database commits. */
export function createReadiness({ ledger, database }: ReadinessServices): CheckReady {
  const commitProbe = createCommitProbe(database);
  const tooLate = () => {
    void commitProbe.cancel();
    return new LedgerError('database_unavailable', `the database did not answer or commit within ${TIMEOUT_MS} ms`);
  };
  // The ledger and the server have connections of their own, and both are needed.
  const ask = () => Promise.all([ledger.check(), commitProbe.run()]);
  return sharedWork(() => withDeadline(TIMEOUT_MS, ask(), tooLate), KEPT_MS);
}

export function registerReadinessMetric(registry: Registry, checkReady: CheckReady): void {
  new Gauge({
    name: 'micropay_ready',
    help: '1 while this process can serve requests: its database responds, accepts writes, commits and has the right schema.',
    // Of several workers the one that cannot counts.
    aggregator: 'min',
    registers: [registry],
    async collect() {
      const isReady = await checkReady().then(
        () => true,
        () => false,
      );
      this.set(Number(isReady));
    },
  });
}
