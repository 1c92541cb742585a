import type { Book } from './book.js';
import { checkMoment, endOfDay } from './domain/instant.js';
import { LedgerError } from './errors.js';
import type { AsOf, TimeBasis } from './ledger-api.js';
import { readTimeZone } from './postgres/ledgers.js';
import { fromSqlError } from './postgres/sql-errors.js';

/** Checks what is asked for; a day ends in the ledger's zone. */
export async function asOfIn(book: Book, asOf: AsOf): Promise<{ readonly at: Date; readonly by: TimeBasis }> {
  const by = checkBasis(asOf.by);
  const moment = checkMoment(asOf.at, 'at');
  return { at: moment instanceof Date ? moment : endOfDay(moment, await timeZoneOf(book)), by };
}

/** @throws {LedgerError} `invalid_request` */
export function checkBasis(by: TimeBasis = 'recorded'): TimeBasis {
  if (by === 'recorded' || by === 'effective') return by;
  throw new LedgerError('invalid_request', 'by must be recorded or effective', { field: 'by' });
}

export async function timeZoneOf(book: Book): Promise<string> {
  try {
    return await readTimeZone(book.reads, book.engine.store, await book.number());
  } catch (error) {
    throw fromSqlError(error);
  }
}
