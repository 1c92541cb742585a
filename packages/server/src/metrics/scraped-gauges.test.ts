import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { registerScrapedGauges } from './scraped-gauges.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The samples of a scrape, without the lines that describe them. */
async function scrape(registry: Registry): Promise<readonly string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

it('gauges of one reading are read once a second at most, and have no sample while the reading fails', async () => {
  const registry = new Registry();
  const read = vi.fn(async () => ({ rows: 3, seconds: 1.5 }));
  registerScrapedGauges(
    registry,
    read,
    [
      { name: 'rows', help: 'Rows.', value: ({ rows }) => rows },
      { name: 'age_seconds', help: 'Age.', value: ({ seconds }) => seconds },
    ],
    { labels: { sink: 'kafka' } },
  );
  const samples = ['rows{sink="kafka"} 3', 'age_seconds{sink="kafka"} 1.5'];
  expect(await scrape(registry)).toEqual(samples);
  expect(await scrape(registry)).toEqual(samples);
  expect(read).toHaveBeenCalledTimes(1);

  read.mockRejectedValueOnce(new Error('no database'));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await scrape(registry)).toEqual([]);

  await vi.advanceTimersByTimeAsync(1_000);
  expect(await scrape(registry)).toEqual(samples);
});

it('a gauge has no sample while its reading takes longer than two seconds', async () => {
  const registry = new Registry();
  registerScrapedGauges(registry, () => new Promise<number>(() => undefined), [
    { name: 'rows', help: 'Rows.', value: (rows) => rows },
  ]);
  const scraping = scrape(registry);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await scraping).toEqual([]);
});
