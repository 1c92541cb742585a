import { createRelay, deleteDeliveredEvents } from '@micropay/ledger-core';
import { expect, it } from 'vitest';
import { createRecordingPublisher } from '../support/recording-publisher.js';
import { expectSound, openWallets, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const inAnHour = () => new Date(Date.now() + 3_600_000);

async function factsLeft(): Promise<number> {
  const [row] = await bed.sql<{ count: number }>('select count(*)::int as count from micropay.events');
  return row?.count ?? -1;
}

async function drain(sink: string): Promise<void> {
  const relay = createRelay({ database: bed.url, sink, publisher: createRecordingPublisher() });
  relay.start();
  await expect.poll(async () => (await relay.status()).rows).toBe(0);
  await relay.stop();
}

it('deleteDeliveredEvents deletes domain events only when they are old enough and every sink has received them, and never a transfer', async () => {
  const ledger = bed.ledger();
  await openWallets(ledger, { a: 10n });
  const forget = (before: Date) => deleteDeliveredEvents({ database: bed.url, before, ageMinMs: 0 });
  expect(await factsLeft()).toBe(2);

  expect(await forget(inAnHour())).toBe(0);
  await drain('kafka');
  expect(await forget(new Date(0))).toBe(0);

  await bed.sql(`insert into micropay.event_sinks (sink, paused) values ('paused', true)`);
  expect(await forget(inAnHour())).toBe(0);
  expect(await factsLeft()).toBe(2);
  expect(await ledger.events.range()).toEqual({ deletedThrough: 0n, last: 3n });

  await bed.sql(`delete from micropay.event_sinks where sink = 'paused'`);
  await openWallets(ledger, { b: 1n });
  expect(await forget(inAnHour())).toBe(2);
  expect(await factsLeft()).toBe(1);
  expect(await bed.sql('select 1 from micropay.transfers')).toHaveLength(2);
  expect(await ledger.events.range()).toEqual({ deletedThrough: 2n, last: 5n });
  await drain('kafka');
  expect(await forget(inAnHour())).toBe(1);
  expect(await ledger.events.range()).toEqual({ deletedThrough: 4n, last: 5n });
  expect(await forget(inAnHour())).toBe(0);
  expect(await ledger.events.range()).toEqual({ deletedThrough: 4n, last: 5n });
});

it('leaves changes of limits, and verify does not miss what was deleted beside them', async () => {
  const ledger = bed.ledger({ name: 'retained' });
  await openWallets(ledger, { c: 0n });
  await ledger.accounts.setLimits('c', { maximum: 5n });
  // Opened so much later that its event would still be there if nothing had been deleted.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await openWallets(ledger, { d: 0n });
  await drain('kafka');
  expect(await deleteDeliveredEvents({ database: bed.url, before: inAnHour(), ageMinMs: 0 })).toBe(3);
  await expectSound(ledger);
});

it('the log still knows its last position when the event there was deleted', async () => {
  const ledger = bed.ledger({ name: 'quiet' });
  await openWallets(ledger, { e: 0n });
  await drain('kafka');
  const { last } = await ledger.events.range();
  expect(await deleteDeliveredEvents({ database: bed.url, before: inAnHour(), ageMinMs: 0 })).toBeGreaterThan(0);
  expect(await ledger.events.range()).toEqual({ deletedThrough: last, last });
});

it('keeps what is younger than a minute, whatever is asked for, so that who is a moment behind loses nothing', async () => {
  const ledger = bed.ledger({ name: 'followed' });
  await openWallets(ledger, { f: 0n });
  const ending = new AbortController();
  const behind = await ledger.events.subscribe({ signal: ending.signal, after: (await ledger.events.range()).last });
  await openWallets(ledger, { g: 0n, h: 0n });
  await drain('kafka');
  expect(await deleteDeliveredEvents({ database: bed.url, before: inAnHour() })).toBe(0);
  const delivered: string[] = [];
  for await (const events of behind) {
    delivered.push(...events.map(({ type }) => type));
    if (delivered.length >= 2) break;
  }
  ending.abort();
  expect(delivered).toEqual(['account.opened.v1', 'account.opened.v1']);
  // By the database's clock, to the millisecond.
  const [youngest] = await bed.sql<{ ms: string }>(
    'select ceil(extract(epoch from clock_timestamp() - min(recorded_at)) * 1000)::text as ms from micropay.events',
  );
  const ageMinMs = Number(youngest?.ms) + 30_000;
  expect(await deleteDeliveredEvents({ database: bed.url, before: inAnHour(), ageMinMs })).toBe(0);
  expect(await deleteDeliveredEvents({ database: bed.url, before: inAnHour(), ageMinMs: 0 })).toBeGreaterThan(0);
});
