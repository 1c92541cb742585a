import { type Backoff, backOff } from '../backoff.js';
import { LedgerError } from '../errors.js';
import { nextTransactionId, readEventRange } from '../postgres/event-log.js';
import { untilDrawersEnd } from '../postgres/position-drawers.js';
import type { LedgerStore } from '../postgres/store.js';

/** Some thirty looks until the wait ends: most transactions are over after one or two, and one that stays open is not hurried. */
const POLLS: Backoff = { firstMs: 5, maxMs: 250 };
const WAIT_MAX_MS = 5_000;

/**
 * The highest position that is taken in a ledger now, once nothing can appear any more up to it. Positions up to it were drawn by
 * transactions that are older than the bound; it waits for those that are still open.
 *
 * @throws {LedgerError} `transaction_conflict` if one stays open
 */
export async function findSettledEnd(store: LedgerStore, signal?: AbortSignal): Promise<bigint> {
  const { last } = await readEventRange(store);
  const bound = await nextTransactionId(store);
  const pause = async (looks: number) => {
    await backOff(POLLS, looks, signal);
    signal?.throwIfAborted();
  };
  const isSettled = await untilDrawersEnd(store, bound, { waitMaxMs: WAIT_MAX_MS, pause });
  signal?.throwIfAborted();
  if (isSettled) return last;
  throw new LedgerError('transaction_conflict', 'a transaction that has written events is still open: try again later');
}

/** A search for the settled end of a ledger, and the one that begins after it. */
interface Search {
  readonly running: Promise<bigint>;
  next?: Promise<bigint>;
}

/**
 * Finds the settled end of a ledger for many callers: of each ledger one search runs at a time, and those who come meanwhile share the
 * next one. They do not share the one that runs, which need not know what was committed before they came. When it fails, because a
 * transaction stays open, they fail with it: the next search would wait for the same transaction.
 */
export function createSettledEnds(): (store: LedgerStore) => Promise<bigint> {
  const searches = new Map<number, Search>();

  function begin(store: LedgerStore): Promise<bigint> {
    const { ledger } = store;
    const search: Search = { running: findSettledEnd(store) };
    searches.set(ledger, search);
    const end = () => {
      if (search.next === undefined) searches.delete(ledger);
    };
    search.running.then(end, () => searches.delete(ledger));
    return search.running;
  }

  return (store) => {
    const search = searches.get(store.ledger);
    if (search === undefined) return begin(store);
    search.next ??= search.running.then(() => begin(store));
    return search.next;
  };
}
