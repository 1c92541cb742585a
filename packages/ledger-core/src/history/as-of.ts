import { type Members, object, oneOf, optional } from '../domain/input/arguments.js';
import { type CheckedMoment, endOfDay, type Moment, moment } from '../domain/input/instant.js';
import { readTimeZone } from '../postgres/ledgers.js';
import type { HistoryContext } from './history-context.js';

/**
 * The time by which transfers are counted. By `recorded` time, when the ledger wrote the transfer, past balances never
 * change. By `effective` time, a later transfer may change them.
 */
export type TimeBasis = 'recorded' | 'effective';

/** A point in time for past balances, and the time by which transfers are counted; default `recorded`. */
export interface AsOf {
  /** The last instant to include. A calendar day is included to its end, in the ledger's time zone. */
  readonly at: Moment;
  readonly by?: TimeBasis;
}

interface CheckedAsOf {
  readonly at: CheckedMoment;
  readonly by: TimeBasis;
}

export const timeBasis = oneOf<TimeBasis>(['recorded', 'effective']);

const AS_OF: { readonly [Name in keyof Required<AsOf>]: Members<CheckedAsOf>[Name] } = {
  at: moment,
  by: optional(timeBasis),
};
const readAsOf = object<Omit<CheckedAsOf, 'by'> & Partial<CheckedAsOf>>(AS_OF);

/** @throws {LedgerError} `invalid_request` */
export function checkAsOf(given: AsOf): CheckedAsOf {
  return { by: 'recorded', ...readAsOf(given, 'asOf') };
}

/** The instant that is meant: a day ends in the ledger's zone. */
export async function asOfIn(
  context: HistoryContext,
  { at, by }: CheckedAsOf,
): Promise<{ readonly at: Date; readonly by: TimeBasis }> {
  return { at: at instanceof Date ? at : endOfDay(at, await context.read(readTimeZone)), by };
}
