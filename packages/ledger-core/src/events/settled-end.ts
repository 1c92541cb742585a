import { setTimeout as delay } from 'node:timers/promises';
import { LedgerError } from '../errors.js';
import { nextTransactionId, readEventRange } from '../postgres/event-log.js';
import { oldestDrawer } from '../postgres/position-drawers.js';
import type { LedgerStore } from '../postgres/store.js';

const POLL_MS = 5;
const WAIT_MAX_MS = 5_000;

/**
 * The highest position that is taken in a ledger now, once nothing can appear any more up to it. Positions up to it were drawn by
 * transactions that are older than the bound; it waits for those that are still open.
 *
 * @throws {LedgerError} `transaction_conflict` if one stays open
 */
export async function findSettledEnd(store: LedgerStore, signal: AbortSignal): Promise<bigint> {
  const { last } = await readEventRange(store);
  const bound = await nextTransactionId(store);
  const untilMs = performance.now() + WAIT_MAX_MS;
  while ((await oldestDrawer(store)) < bound && !signal.aborted) {
    if (performance.now() > untilMs) {
      throw new LedgerError(
        'transaction_conflict',
        'a transaction that has written events is still open: try again later',
      );
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  signal.throwIfAborted();
  return last;
}
