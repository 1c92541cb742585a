import { describe, expect, it } from 'vitest';
import { moment as checkMoment, endOfDay, startOfDay, timeZone } from './instant.js';

function dayOf(text: string) {
  const moment = checkMoment(text, 'at');
  if (moment instanceof Date) throw new Error('a day was expected');
  return moment;
}

describe('a day', () => {
  it.each([
    ['2026-03-01', 'UTC', '2026-03-01T00:00:00.000Z', 24],
    ['2026-03-28', 'Europe/Berlin', '2026-03-27T23:00:00.000Z', 24],
    ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00.000Z', 23],
    ['2026-10-25', 'Europe/Berlin', '2026-10-24T22:00:00.000Z', 25],
    // Summer time begins at midnight: the day begins at one.
    ['2018-11-04', 'America/Sao_Paulo', '2018-11-04T03:00:00.000Z', 23],
    ['2026-03-08', 'America/Havana', '2026-03-08T05:00:00.000Z', 23],
    // It ends at one, so midnight comes twice: the day begins at the first.
    ['2026-11-01', 'America/Havana', '2026-11-01T04:00:00.000Z', 25],
    // Half an hour.
    ['2026-04-05', 'Australia/Lord_Howe', '2026-04-04T13:00:00.000Z', 24.5],
    // The day that Samoa left out has no instant.
    ['2011-12-30', 'Pacific/Apia', '2011-12-30T10:00:00.000Z', 0],
    ['2011-12-31', 'Pacific/Apia', '2011-12-30T10:00:00.000Z', 24],
  ])('%s in %s begins at %s and has %s hours', (text, zone, begins, hours) => {
    const day = dayOf(text);
    expect(startOfDay(day, zone).toISOString()).toBe(begins);
    expect(endOfDay(day, zone).getTime() + 1 - startOfDay(day, zone).getTime()).toBe(hours * 3_600_000);
  });

  it.each(['UTC', 'America/Havana', 'Europe/Berlin', 'Pacific/Apia', 'Africa/Cairo'])(
    'a day in %s begins where the one before ends, for four years',
    (zone) => {
      for (let day = dayOf('2010-01-01'), count = 0; count < 4 * 366; count += 1) {
        const next = { day: day.day.add({ days: 1 }) };
        expect(endOfDay(day, zone).getTime() + 1).toBe(startOfDay(next, zone).getTime());
        day = next;
      }
    },
  );
});

describe('a moment', () => {
  it.each([
    ['2026-03-01T09:30:00Z', '2026-03-01T09:30:00.000Z'],
    ['2026-03-01T09:30:00.5+02:00', '2026-03-01T07:30:00.500Z'],
    ['2024-02-29T00:00:00-05:30', '2024-02-29T05:30:00.000Z'],
  ])('%s is an instant', (text, instant) => {
    expect(checkMoment(text, 'at')).toEqual(new Date(instant));
  });

  it('a moment is a copy of a date', () => {
    const given = new Date(0);
    expect(checkMoment(given, 'at')).toEqual(given);
    expect(checkMoment(given, 'at')).not.toBe(given);
  });

  it.each([
    '',
    'now',
    '2026',
    '2026-02-30',
    '2026-13-01',
    '0000-01-01',
    '2026-03-01T09:30:00',
    '2026-03-01T09:30Z',
    '2026-02-30T00:00:00Z',
    '2026-03-01T25:00:00Z',
    '2026-03-01T09:30:00.1234Z',
    '2026-03-01T09:30:00+99:00',
    '0000-12-31T23:59:59Z',
    new Date(Number.NaN),
    new Date(-1e15),
    1_700_000_000_000,
    null,
  ])('%s is refused', (text) => {
    expect(() => checkMoment(text as string, 'at')).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});

describe('a time zone', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'])('%s is known', (name) => {
    expect(timeZone(name, 'timeZone')).toBe(name);
  });

  it('a time zone is written as usual', () => {
    expect(timeZone('europe/berlin', 'timeZone')).toBe('Europe/Berlin');
  });

  it.each(['', '+02:00', 'Europe/Nowhere', 'Mars', "UTC'; --"])('%s is refused', (name) => {
    expect(() => timeZone(name, 'timeZone')).toThrow(expect.objectContaining({ code: 'unknown_time_zone' }));
  });
});
