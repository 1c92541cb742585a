import { type Ledger, LedgerError } from '@micropay/ledger-core';
import { Gauge, type Registry } from 'prom-client';
import type { Database } from '../database/connect.js';
import { withDeadline } from '../throttling/deadline.js';
import { sharedWork } from '../throttling/shared-work.js';
import { createCommitProbe } from './commit-probe.js';

export interface ReadinessServices {
  readonly ledger: Pick<Ledger, 'check'>;
  readonly database: Database;
}

/** The route is public, so results are kept for a moment to spare the database. */
const KEPT_MS = 1_000;
/** A database that takes longer for a trivial statement or commit cannot serve requests. */
const TIMEOUT_MS = 3_000;

/** Returns a function that rejects while this process cannot serve requests. */
export function createReadiness({ ledger, database }: ReadinessServices): () => Promise<unknown> {
  const commitProbe = createCommitProbe(database);
  const tooLate = () => {
    void commitProbe.cancel();
    return new LedgerError('database_unavailable', `the database did not answer or commit within ${TIMEOUT_MS} ms`);
  };
  // The ledger and the server have connections of their own, and both are needed.
  const ask = () => Promise.all([ledger.check(), commitProbe.run()]);
  return sharedWork(() => withDeadline(TIMEOUT_MS, ask(), tooLate), KEPT_MS);
}

export function registerReadinessMetric(registry: Registry, services: ReadinessServices): void {
  const check = createReadiness(services);
  new Gauge({
    name: 'micropay_ready',
    help: '1 while this process can serve requests: its database responds, accepts writes, commits and has the right schema.',
    // Of several workers the one that cannot counts.
    aggregator: 'min',
    registers: [registry],
    async collect() {
      const isReady = await check().then(
        () => true,
        () => false,
      );
      this.set(Number(isReady));
    },
  });
}
