import type { Book } from './book.js';
import { type Members, object, oneOf, optional } from './domain/arguments.js';
import { type CheckedMoment, endOfDay, moment } from './domain/instant.js';
import type { AsOf, TimeBasis } from './ledger-api.js';
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
  book: Book,
  { at, by }: CheckedAsOf,
): Promise<{ readonly at: Date; readonly by: TimeBasis }> {
  return { at: at instanceof Date ? at : endOfDay(at, await timeZoneOf(book)), by };
}

export async function timeZoneOf(book: Book): Promise<string> {
  try {
    return await readTimeZone(book.reads, book.engine.store, await book.number());
  } catch (error) {
    throw fromSqlError(error);
  }
}
