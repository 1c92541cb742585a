import { createRelay, deleteDeliveredEvents, type RelayOptions } from '@micropay/ledger-core';
import { expect, it } from 'vitest';
import { createRecordingPublisher } from '../support/recording-publisher.js';
import { expectSound, openWallets, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const inAnHour = () => new Date(Date.now() + 3_600_000);

async function factsLeft(): Promise<number> {
  const [row] = await bed.sql<{ count: number }>('select count(*)::int as count from micropay.events');
  return row?.count ?? -1;
}

async function drain(sink: string, options: Partial<RelayOptions> = {}): Promise<void> {
  const relay = createRelay({ database: bed.url, sink, publisher: createRecordingPublisher(), ...options });
  relay.start();
  await expect.poll(() => relay.status()).toMatchObject({ rows: 0, isLeader: true });
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

/** Deletes while another session has made a change that it has not committed yet. */
async function deletedBeside(change: string): Promise<number> {
  const other = await bed.connect();
  await other.query('begin');
  await other.query(change);
  let hasEnded = false;
  const deleting = deleteDeliveredEvents({ database: bed.url, before: inAnHour(), ageMinMs: 0 }).finally(() => {
    hasEnded = true;
  });
  const isWaiting = async () => {
    const found = await bed.sql(
      `select from pg_locks where not granted and relation = 'micropay.event_sinks'::regclass
         and database = (select oid from pg_database where datname = current_database())`,
    );
    return found.length > 0;
  };
  await expect.poll(async () => hasEnded || (await isWaiting())).toBe(true);
  await other.query('commit');
  return deleting;
}

it('keeps what a sink has not received that becomes known, or of more ledgers, while events are being deleted', async () => {
  const ledger = bed.ledger({ name: 'joined' });
  await openWallets(ledger, { i: 0n });
  await drain('kafka');
  expect(await deletedBeside(`insert into micropay.event_sinks (sink) values ('new')`)).toBe(0);
  await drain('new');

  expect(await deleteDeliveredEvents({ database: bed.url, before: inAnHour(), ageMinMs: 0 })).toBeGreaterThan(0);

  // Of one ledger alone, then of all again.
  await drain('new', { ledger: 'elsewhere' });
  await openWallets(ledger, { j: 0n });
  await drain('kafka');
  expect(await deletedBeside(`update micropay.event_sinks set only_ledger = null where sink = 'new'`)).toBe(0);
  await drain('new');
  expect(await deleteDeliveredEvents({ database: bed.url, before: inAnHour(), ageMinMs: 0 })).toBeGreaterThan(0);
});

it('a relay reports once that events were deleted which its sink had not received, and goes on with what is left', async () => {
  const ledger = bed.ledger({ name: 'narrowed' });
  await openWallets(ledger, { k: 1n });
  await drain('wide');
  await drain('kafka');
  const { last: after } = await ledger.events.range();
  await drain('wide', { ledger: 'elsewhere' });
  await openWallets(ledger, { l: 0n });
  await drain('kafka');
  await drain('new');
  await deleteDeliveredEvents({ database: bed.url, before: inAnHour(), ageMinMs: 0 });
  const { deletedThrough } = await ledger.events.range();
  expect(deletedThrough).toBeGreaterThan(after);

  await openWallets(ledger, { m: 0n });
  const errors: unknown[] = [];
  const publisher = createRecordingPublisher();
  let failures = 2;
  const flaky = {
    ...publisher,
    async publish(events: Parameters<typeof publisher.publish>[0]) {
      failures -= 1;
      if (failures >= 0) throw new Error('the sink is away');
      return publisher.publish(events);
    },
  };
  await drain('wide', { publisher: flaky, onError: (error) => errors.push(error) });
  expect(publisher.first().filter(({ ledger: name }) => name === 'narrowed')).toHaveLength(1);
  const gone = errors.filter((error) => String(error) !== 'Error: the sink is away');
  expect(gone).toHaveLength(1);
  expect(gone[0]).toMatchObject({
    code: 'events_gone',
    details: { sink: 'wide', ledger: 'narrowed', after: String(after), deletedThrough: String(deletedThrough) },
  });

  errors.length = 0;
  await drain('wide', { onError: (error) => errors.push(error) });
  expect(errors).toEqual([]);
});
