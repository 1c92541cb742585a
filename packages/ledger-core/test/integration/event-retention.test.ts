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

it('deletes facts only when they are old enough and every sink has taken them, and never a transfer', async () => {
  const ledger = bed.ledger();
  await openWallets(ledger, { a: 10n });
  const forget = (before: Date) => deleteDeliveredEvents({ database: bed.url, before });
  expect(await factsLeft()).toBe(2);

  expect(await forget(inAnHour())).toBe(0);
  await drain('kafka');
  expect(await forget(new Date(0))).toBe(0);

  await bed.sql(`insert into micropay.event_cursors (sink, paused) values ('paused', true)`);
  expect(await forget(inAnHour())).toBe(0);
  expect(await factsLeft()).toBe(2);
  expect(await ledger.events.range()).toEqual({ deletedThrough: 0n, last: 3n });

  await bed.sql(`delete from micropay.event_cursors where sink = 'paused'`);
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
  // Opened so much later that its fact would have to be there, were nothing deleted.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await openWallets(ledger, { d: 0n });
  await drain('kafka');
  expect(await deleteDeliveredEvents({ database: bed.url, before: inAnHour() })).toBe(3);
  await expectSound(ledger);
});

it('still knows where the log has come to, when what was last was deleted', async () => {
  const ledger = bed.ledger({ name: 'quiet' });
  await openWallets(ledger, { e: 0n });
  await drain('kafka');
  const { last } = await ledger.events.range();
  expect(await deleteDeliveredEvents({ database: bed.url, before: inAnHour() })).toBeGreaterThan(0);
  expect(await ledger.events.range()).toEqual({ deletedThrough: last, last });
});
