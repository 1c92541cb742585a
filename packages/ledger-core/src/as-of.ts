import { type Members, object, oneOf, optional } from './domain/arguments.js';
import { type CheckedMoment, endOfDay, moment } from './domain/instant.js';
import type { AsOf, TimeBasis } from './ledger-api.js';
import type { LedgerContext } from './ledger-context.js';
import { readTimeZone } from './postgres/ledgers.js';
import { fromSqlError } from './postgres/sql-errors.js';

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
  context: LedgerContext,
  { at, by }: CheckedAsOf,
): Promise<{ readonly at: Date; readonly by: TimeBasis }> {
  return { at: at instanceof Date ? at : endOfDay(at, await timeZoneOf(context)), by };
}

export async function timeZoneOf(context: LedgerContext): Promise<string> {
  try {
    return await readTimeZone(context.reads, context.engine.store, await context.number());
  } catch (error) {
    throw fromSqlError(error);
  }
}
