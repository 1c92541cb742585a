import { postWithEngine } from '../engine.js';
import { median } from '../latencies.js';
import { startCallers } from '../load.js';
import { openRelayBook, type RelayBook } from './book.js';
import type { RelayPlace } from './place.js';

const CALLERS = 512;
const WARM_UP_MS = 1_000;
const PAIRS_PER_REPEAT = 3;

/** The cost of recording events that nobody reads: median transfers per second with and without them. */
export interface EventCost {
  readonly transfersPerSecond: number;
  readonly withoutEventsPerSecond: number;
  /** Share of the rate that the event part takes: the median over pairs of neighbours in time. */
  readonly eventCost: number;
}

/**
 * The journal row is itself the event, so what is compared is a journal without the position and its index. The two
 * take turns, and the one that begins changes, so that what else happens on the machine meets both.
 */
export async function measureEventCost(
  place: Pick<RelayPlace, 'database' | 'pool'>,
  { windowMs, repeats }: { readonly windowMs: number; readonly repeats: number },
): Promise<EventCost> {
  const full = await openRelayBook(place);
  const bare = await openRelayBook(place, { withEvents: false });
  const pairs: { readonly full: number; readonly bare: number }[] = [];
  try {
    for (let pair = 0; pair < repeats * PAIRS_PER_REPEAT; pair += 1) {
      const first = pair % 2 === 0 ? full : bare;
      const rateOfFirst = await rateOf(first, windowMs);
      const rateOfSecond = await rateOf(first === full ? bare : full, windowMs);
      pairs.push(
        first === full ? { full: rateOfFirst, bare: rateOfSecond } : { full: rateOfSecond, bare: rateOfFirst },
      );
    }
  } finally {
    await full.close();
    await bare.close();
  }
  return {
    transfersPerSecond: median(pairs.map((pair) => pair.full)),
    withoutEventsPerSecond: median(pairs.map((pair) => pair.bare)),
    eventCost: median(pairs.map((pair) => 1 - pair.full / pair.bare)),
  };
}

async function rateOf(book: RelayBook, windowMs: number): Promise<number> {
  const load = startCallers(CALLERS, postWithEngine(book, false));
  await load.measure(WARM_UP_MS);
  const { transfersPerSecond } = await load.measure(windowMs);
  await load.stop();
  return transfersPerSecond;
}
