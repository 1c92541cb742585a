import type { Ledger } from '@micropay/ledger-core';
import { withDeadline } from '../throttling/deadline.js';
import { sharedWork } from '../throttling/shared-work.js';

/** However often it is scraped, the requests are counted once a second. */
const BACKLOG_KEPT_MS = 1_000;
const BACKLOG_TIMEOUT_MS = 2_000;

/** Lines about transfer requests for Prometheus; none where the database does not answer. */
export function createTransferRequestMetrics({ requests }: Ledger): () => Promise<readonly string[]> {
  const readBacklog = sharedWork(() => requests.backlog(), BACKLOG_KEPT_MS);
  return async () => {
    const backlog = await withDeadline(BACKLOG_TIMEOUT_MS, readBacklog(), () => new Error('too late')).catch(
      () => undefined,
    );
    if (backlog === undefined) return [];
    return [
      '# HELP micropay_transfer_requests_open Transfer requests of this ledger that are neither posted nor refused.',
      '# TYPE micropay_transfer_requests_open gauge',
      `micropay_transfer_requests_open ${backlog.rows}`,
      '# HELP micropay_transfer_requests_oldest_seconds Age of the oldest of them.',
      '# TYPE micropay_transfer_requests_oldest_seconds gauge',
      `micropay_transfer_requests_oldest_seconds ${backlog.seconds}`,
    ];
  };
}
