import { setTimeout as delay } from 'node:timers/promises';
import { createRelay, type EventSubscription, type Ledger, type LedgerEvent } from '@micropay/ledger-core';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWakes } from '../../src/events/wakes.js';
import { fromClient } from '../../src/postgres/connect.js';
import { createStore } from '../../src/postgres/store.js';
import { makeJournal } from '../support/journal.js';
import { numberOf } from '../support/ledger-number.js';
import { createRecordingPublisher } from '../support/recording-publisher.js';
import { openWallets, useTestBed } from '../support/test-bed.js';
import { removeRow, writeUnknownEvent } from '../support/unreadable-rows.js';

const LEDGERS = 10_000;
const BUSY = 10;
const ROUNDS = 10;

const bed = useTestBed();
const busy: Ledger[] = [];
/** The statements of connections by the name of their application. */
const statements = new Map<string, number>();
const { query } = pg.Client.prototype;

beforeAll(async () => {
  // Every ledger has an event, so that none is passed over because it is empty.
  await bed.sql(`insert into micropay.ledgers (name) select 'idle-' || n from generate_series(1, ${LEDGERS - BUSY}) n`);
  await bed.sql(
    `insert into micropay.events (recorded_at, ledger, id, type, subject, data, topic)
     select now(), id, gen_random_uuid(), 'note.made.v1', gen_random_uuid(), '{}', 'notes' from micropay.ledgers`,
  );
  await bed.sql('analyze');
  const first = bed.ledger({ name: 'busy-0' });
  for (let number = 0; number < BUSY; number += 1) {
    const ledger = first.inLedger(`busy-${number}`);
    await openWallets(ledger, { a: 0n });
    busy.push(ledger);
  }
  pg.Client.prototype.query = function (this: pg.Client, ...parameters: unknown[]) {
    const { application_name: name = '' } = (this as unknown as { connectionParameters: { application_name?: string } })
      .connectionParameters;
    statements.set(name, (statements.get(name) ?? 0) + 1);
    return (query as (...given: unknown[]) => unknown).apply(this, parameters);
  } as typeof query;
});
afterAll(() => {
  pg.Client.prototype.query = query;
});

/** Transfers in every busy ledger, round by round. */
async function post(): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { transfers } of busy) await transfers.post({ from: 'world', to: 'a', amount: 1n, currency: 'USD' });
  }
}

async function openSink(sink: string): Promise<void> {
  await bed.sql('insert into micropay.event_sinks (sink) values ($1)', [sink]);
  await bed.sql(
    'insert into micropay.event_cursors (ledger, sink, position) select id, $1, last_value from micropay.ledgers, micropay.event_position',
    [sink],
  );
}

/** One look at each ledger would be ten thousand. */
const PER_TRANSFER_MAX = 50;
const PER_IDLE_SECOND_MAX = 100;

describe('with 10,000 ledgers of which ten are busy', () => {
  it('a relay sends as many statements as ten ledgers need', async () => {
    await openSink('counted');
    const publisher = createRecordingPublisher();
    const relay = createRelay({
      database: { connectionString: bed.url, application_name: 'counted-relay' },
      sink: 'counted',
      publisher,
    });
    relay.start();
    await expect.poll(async () => (await relay.status()).isLeader).toBe(true);
    await delay(500);
    statements.clear();
    await delay(2_000);
    expect(statements.get('counted-relay')).toBeGreaterThan(0);
    expect(statements.get('counted-relay')).toBeLessThan(2 * PER_IDLE_SECOND_MAX);

    statements.clear();
    await post();
    await expect.poll(() => publisher.first().length).toBe(3 * BUSY * ROUNDS);
    expect(statements.get('counted-relay')).toBeLessThan(PER_TRANSFER_MAX * BUSY * ROUNDS);
    expect(new Set(publisher.first().map(({ ledger }) => ledger)).size).toBe(BUSY);
    expect(await relay.status()).toMatchObject({ rows: 0, seconds: 0, worst: null });
    await relay.stop();
  });

  it('the subscriptions of a process send as many statements as ten ledgers need', async () => {
    const ending = new AbortController();
    const follower = bed.ledger({ database: { connectionString: bed.url, application_name: 'counted-tail' } });
    const delivered: LedgerEvent[] = [];
    const collect = async (subscription: EventSubscription) => {
      for await (const events of subscription) delivered.push(...events);
    };
    const collecting: Promise<void>[] = [];
    for (const { name } of busy) {
      collecting.push(collect(await follower.inLedger(name).events.subscribe({ signal: ending.signal })));
    }
    await delay(500);
    statements.clear();
    await delay(2_000);
    expect(statements.get('counted-tail')).toBeGreaterThan(0);
    expect(statements.get('counted-tail')).toBeLessThan(2 * PER_IDLE_SECOND_MAX);

    statements.clear();
    await post();
    await expect.poll(() => delivered.length).toBe(3 * BUSY * ROUNDS);
    expect(statements.get('counted-tail')).toBeLessThan(PER_TRANSFER_MAX * BUSY * ROUNDS);
    ending.abort();
    await Promise.all(collecting);
  });

  it('a relay fills one delivery from several ledgers', async () => {
    await openSink('filled');
    await post();
    const publisher = createRecordingPublisher();
    const relay = createRelay({ database: bed.url, sink: 'filled', publisher });
    relay.start();
    await expect.poll(() => publisher.first().length).toBe(3 * BUSY * ROUNDS);
    await relay.stop();
    expect(publisher.deliveries.length).toBeLessThan(BUSY);
    expect(new Set(publisher.deliveries[0]?.map(({ ledger }) => ledger)).size).toBeGreaterThan(1);
  });

  it('a row that cannot be read stops its own ledger and no other', async () => {
    await openSink('stopped');
    const [stuck, other] = busy as [Ledger, Ledger];
    const position = await writeUnknownEvent(bed, stuck.name);
    const publisher = createRecordingPublisher();
    const errors: unknown[] = [];
    const relay = createRelay({
      database: bed.url,
      sink: 'stopped',
      publisher,
      onError: (error) => errors.push(error),
    });
    relay.start();
    const pay = ({ transfers }: Ledger) => transfers.post({ from: 'world', to: 'a', amount: 1n, currency: 'USD' });
    await pay(stuck);
    await pay(other);
    await expect.poll(() => publisher.first().length).toBe(3);
    await expect.poll(() => errors.length).toBeGreaterThan(1);
    expect(new Set(publisher.first().map(({ ledger }) => ledger))).toEqual(new Set([other.name]));
    expect(errors[0]).toMatchObject({ code: 'event_unreadable', details: { ledger: stuck.name } });
    expect((await relay.status()).worst).toMatchObject({ ledger: stuck.name, rows: 2 });
    await removeRow(bed, position);
    await expect.poll(() => publisher.first().length).toBe(6);
    await relay.stop();
  });

  it('a row without the mark by which readers learn of it is found by the next sweep', async () => {
    const client = await bed.connect();
    const wakes = createWakes({ ...createStore('micropay'), sql: fromClient(client) }, { sweepMs: 1_000 });
    // At once, and once more when everything that was under way then has ended.
    await expect.poll(async () => (await wakes.next()).isSweepDue).toBe(true);
    await expect.poll(async () => (await wakes.next()).isSweepDue).toBe(true);
    const book = busy[0] as Ledger;
    const named = async () => (await wakes.next()).ledgers;
    const number = await numberOf(bed, book.name);
    await book.transfers.post({ from: 'world', to: 'a', amount: 1n, currency: 'USD' });
    expect(await named()).toEqual([number]);

    const unmarked = book.inLedger('unmarked');
    const journal = await makeJournal(bed, unmarked, 2);
    await expect.poll(named).toEqual([]);
    await journal.write([{ from: 0, to: 1, amount: 1n, kind: 'transfer', recordedMs: Date.now(), effectiveMs: null }]);
    expect(await named()).toEqual([]);
    await expect.poll(async () => (await wakes.next()).isSweepDue, { interval: 100 }).toBe(true);

    await openSink('swept');
    await journal.write([{ from: 0, to: 1, amount: 1n, kind: 'transfer', recordedMs: Date.now(), effectiveMs: null }]);
    const publisher = createRecordingPublisher();
    const relay = createRelay({ database: bed.url, sink: 'swept', publisher });
    relay.start();
    await expect.poll(() => publisher.first().length).toBe(3);
    await relay.stop();
  });
});
