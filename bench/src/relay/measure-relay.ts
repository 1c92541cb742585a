import type { BenchArguments } from '../arguments.js';
import { type Drain, measureDrain } from './drain.js';
import { type EventCost, measureEventCost } from './event-cost.js';
import { type Lag, measureLag } from './lag.js';
import { openPlace } from './place.js';

/** The row `relay`: what events cost those who post, and how fast they leave. */
export interface RelayResult extends EventCost, Drain, Lag {
  /** PostgreSQL's settings that matter here. */
  readonly settings: string;
}

export async function measureRelay(
  database: string,
  { seconds, repeats, profile }: Pick<BenchArguments, 'seconds' | 'repeats' | 'profile'>,
): Promise<RelayResult> {
  const windowMs = seconds * 1_000;
  const place = await openPlace(database);
  try {
    const cost = await measureEventCost(place, { windowMs, repeats });
    const drain = await measureDrain(place, { seconds, repeats, profile });
    const lag = await measureLag(place, { eventsPerSecond: drain.drainPerSecond / 2, windowMs: 2 * windowMs });
    return { settings: place.settings, ...cost, ...drain, ...lag };
  } finally {
    await place.close();
  }
}
