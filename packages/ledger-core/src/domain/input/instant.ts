import { Temporal } from 'temporal-polyfill';
import { LedgerError } from '../../errors.js';
import { type Check, invalidArgument } from './arguments.js';

/**
 * An instant, as a Date or an RFC 3339 text with at most three decimals (`2026-03-01T09:30:00Z`); or a calendar day
 * in the ledger's zone (`2026-03-01`).
 */
export type Moment = Date | string;

/** A checked moment. */
export type CheckedMoment = Date | CalendarDay;

export interface CalendarDay {
  readonly day: Temporal.PlainDate;
}

const INSTANT_MIN = Date.parse('0001-01-01T00:00:00Z');
const INSTANT_MAX = Date.parse('9999-12-31T23:59:59.999Z');
const DAY_PATTERN = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;
const INSTANT_PATTERN =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,3})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/;

/** Whether milliseconds since 1970 are in the supported years. */
export function isInstantMs(ms: number): boolean {
  return ms >= INSTANT_MIN && ms <= INSTANT_MAX;
}

/** Milliseconds since 1970, even if the date's own methods were overwritten; NaN if it is not a date in the supported years. */
function timeOf(date: unknown): number {
  try {
    const time = Date.prototype.getTime.call(date);
    return isInstantMs(time) ? time : Number.NaN;
  } catch {
    return Number.NaN;
  }
}

/** A date, copied. */
export const instant: Check<Date> = (value, name) => {
  const time = timeOf(value);
  if (Number.isNaN(time)) throw invalidArgument(name, 'must be a Date of the years 1 to 9999');
  return new Date(time);
};

export const moment: Check<CheckedMoment> = (value, name) => {
  if (typeof value === 'string' && DAY_PATTERN.test(value)) return { day: checkDay(value, name) };
  const time = timeOf(typeof value === 'string' ? parseInstant(value) : value);
  if (Number.isNaN(time)) throw invalidMoment(name);
  return new Date(time);
};

function checkDay(text: string, field: string): Temporal.PlainDate {
  try {
    const day = Temporal.PlainDate.from(text);
    if (day.year >= 1) return day;
  } catch {
    // A day that the calendar does not have.
  }
  throw invalidMoment(field);
}

function parseInstant(text: string): Date | undefined {
  // Date.parse takes the 30th of February for the 2nd of March.
  const isDay = INSTANT_PATTERN.test(text) && !Number.isNaN(Date.parse(`${text.slice(0, 10)}T00:00Z`));
  return isDay && new Date(`${text.slice(0, 10)}T00:00Z`).getUTCDate() === Number(text.slice(8, 10))
    ? new Date(text)
    : undefined;
}

function invalidMoment(field: string) {
  return invalidArgument(
    field,
    'must be an instant such as 2026-03-01T09:30:00Z or a day such as 2026-03-01, of the years 1 to 9999',
  );
}

/** The first instant of a day: not always midnight, nor 24 hours after the day before. */
export function startOfDay({ day }: CalendarDay, timeZone: string): Date {
  return withinRange(day.toZonedDateTime(timeZone).epochMilliseconds);
}

/** The last millisecond of a day. */
export function endOfDay({ day }: CalendarDay, timeZone: string): Date {
  return withinRange(day.add({ days: 1 }).toZonedDateTime(timeZone).epochMilliseconds - 1);
}

/** Nothing is effective before it. */
export function isFirstInstant(date: Date): boolean {
  return date.getTime() === INSTANT_MIN;
}

/** The last instant before another: time is counted in milliseconds. */
export function justBefore(date: Date): Date {
  return withinRange(date.getTime() - 1);
}

/** Zones reach over the ends of the years that the ledger knows. */
function withinRange(ms: number): Date {
  return new Date(Math.min(Math.max(ms, INSTANT_MIN), INSTANT_MAX));
}

const ZONE_PATTERN = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+){0,2}$/;

/** The IANA name of a zone, as it is usually written. */
export const timeZone: Check<string> = (value, name) => {
  if (typeof value === 'string' && ZONE_PATTERN.test(value)) {
    try {
      return Temporal.PlainDate.from('2026-01-01').toZonedDateTime(value).timeZoneId;
    } catch {
      // A name that nobody knows.
    }
  }
  if (typeof value !== 'string') throw invalidArgument(name, 'must be a text');
  throw new LedgerError('unknown_time_zone', `${name} must be the IANA name of a time zone, such as Europe/Berlin`, {
    field: name,
  });
};
