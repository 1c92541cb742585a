import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createLedger,
  deleteDeliveredEvents,
  type EventSubscription,
  type Ledger,
  type LedgerEvent,
} from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sequenceFaults } from '../support/recording-publisher.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';
import { removeRow, writeBrokenTransfer, writeUnknownEvent } from '../support/unreadable-rows.js';

const bed = useTestBed();
let ledger: Ledger;
let books = 0;
let ending: AbortController;

beforeEach(async () => {
  books += 1;
  ending = new AbortController();
  ledger = bed.ledger({ name: `book-${books}`, database: { connectionString: bed.url, application_name: 'tailed' } });
  await openWallets(ledger, { a: 0n, b: 0n });
});
afterEach(() => ending.abort());

function pay(amount = 1n) {
  return ledger.transfers.post({ from: 'world', to: 'a', amount, currency: 'USD' });
}

/** Collects what a subscription tells, until the test ends. */
function collect(subscription: EventSubscription): LedgerEvent[] {
  const delivered: LedgerEvent[] = [];
  void (async () => {
    for await (const events of subscription) delivered.push(...events);
  })();
  return delivered;
}

function subscribe(after?: bigint, of: Ledger = ledger) {
  return of.events.subscribe({ signal: ending.signal, ...(after === undefined ? {} : { after }) });
}

/** Deletes every domain event: all of them are old, and the only sink has received them. */
async function deleteEvents(): Promise<void> {
  await bed.sql(
    `with known as (insert into micropay.event_sinks (sink) values ('all') on conflict do nothing)
     insert into micropay.event_cursors (ledger, sink, position)
     select id, 'all', last_value from micropay.ledgers, micropay.event_position
     on conflict (ledger, sink) do update set position = excluded.position`,
  );
  await deleteDeliveredEvents({ database: bed.url, before: new Date(Date.now() + 3_600_000), ageMinMs: 0 });
}

/** Reads until it is refused, and returns the events that it received before. */
async function untilGone(
  subscription: EventSubscription,
  delivered: LedgerEvent[] = [],
): Promise<readonly LedgerEvent[]> {
  const reading = async () => {
    for await (const events of subscription) delivered.push(...events);
  };
  await expect(reading()).rejects.toEqual(refusal('events_gone'));
  return delivered;
}

describe('a subscription', () => {
  it('a subscription is refused by a ledger that was closed', async () => {
    const closed = createLedger({ database: bed.url });
    await closed.close();
    await expect(closed.events.subscribe()).rejects.toEqual(refusal('ledger_closed'));
  });

  it('a subscription says where it begins', async () => {
    const { last } = await ledger.events.range();
    expect((await subscribe()).after).toBe(last);
    expect((await subscribe(1n)).after).toBe(1n);
  });

  it('a subscription delivers what is committed from its beginning on', async () => {
    await pay();
    const delivered = collect(await subscribe());
    const { id } = await pay();
    await expect.poll(() => delivered.length, { interval: 5 }).toBe(3);
    expect(delivered.map(({ type }) => type)).toEqual([
      'transfer.posted.v1',
      'balance.changed.v1',
      'balance.changed.v1',
    ]);
    expect(delivered[0]?.subject).toBe(id);
  });

  it('a subscription delivers what a caller commits in its own transaction, and what another process posts', async () => {
    const delivered = collect(await subscribe());
    const client = await bed.connect();
    await client.query('begin');
    await ledger.within(fromPg(client)).transfers.post({ from: 'world', to: 'a', amount: 1n, currency: 'USD' });
    await client.query('commit');
    const other = createLedger({ database: bed.url, name: ledger.name });
    await other.transfers.post({ from: 'world', to: 'a', amount: 1n, currency: 'USD' });
    await other.close();
    await expect.poll(() => delivered.length).toBe(6);
  });

  it('a subscription delivers nothing of other ledgers', async () => {
    const delivered = collect(await subscribe());
    const other = ledger.inLedger(`other-${books}`);
    await openWallets(other, { a: 5n });
    await pay();
    await expect.poll(() => delivered.length).toBe(3);
    expect(new Set(delivered.map((event) => event.ledger))).toEqual(new Set([ledger.name]));
  });

  it('a subscription begins when everything before it is settled: a transfer under way is delivered when it commits', async () => {
    const slow = await bed.connect();
    await slow.query('begin');
    await ledger.within(fromPg(slow)).transfers.post({ from: 'world', to: 'a', amount: 1n, currency: 'USD' });
    await ledger.accounts.open({ address: 'later', currency: 'USD' });
    let begun = false;
    const beginning = subscribe().then((subscription) => {
      begun = true;
      return subscription;
    });
    await delay(200);
    expect(begun).toBe(false);
    await slow.query('commit');
    const delivered = collect(await beginning);
    await pay();
    await expect.poll(() => delivered.length).toBe(3);
  });

  it('a subscription goes on after the last event that was seen, without loss or repeat, wherever that is', async () => {
    const delivered = collect(await subscribe());
    for (let count = 0; count < 30; count += 1) await pay();
    await expect.poll(() => delivered.length).toBe(90);
    const fresh = bed.ledger({ name: ledger.name });
    for (const seen of [0, 1, 15, 29]) {
      const after = delivered[3 * seen]?.position as bigint;
      const rest = delivered.slice(3 * (seen + 1));
      // From memory, and from the tables by a process that has just begun.
      const [recent, read] = [collect(await subscribe(after)), collect(await subscribe(after, fresh))];
      await expect.poll(() => [recent.length, read.length]).toEqual([rest.length, rest.length]);
      expect(recent).toEqual(rest);
      expect(read).toEqual(rest);
    }
  });

  it('a subscription that is behind passes over millions of positions that are not of its ledger, and misses none that is', async () => {
    const { last: start } = await ledger.events.range();
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      ids.push((await pay()).id);
      await bed.sql(`select setval('micropay.event_position', nextval('micropay.event_position') + 1500000)`);
      await ledger.inLedger(`other-${books}`).accounts.open({ address: `world:${count}`, currency: 'USD' });
    }
    const read = collect(await subscribe(start, bed.ledger({ name: ledger.name })));
    await expect.poll(() => read.length).toBe(9);
    const last = await pay();
    await expect.poll(() => read.length).toBe(12);
    const posted = read.filter(({ type }) => type === 'transfer.posted.v1');
    expect(posted.map(({ subject }) => subject)).toEqual([...ids, last.id]);
  });

  it('a subscription begins at the position of the deletion, and not before', async () => {
    await deleteEvents();
    const fresh = bed.ledger({ name: ledger.name });
    const { last } = await fresh.events.range();
    const [delivered, fromNow] = [collect(await subscribe(last, fresh)), collect(await subscribe(undefined, fresh))];
    expect(await untilGone(await subscribe(last - 1n, fresh))).toEqual([]);
    const { id } = await pay();
    await expect.poll(() => [delivered.length, fromNow.length]).toEqual([3, 3]);
    expect([delivered[0]?.subject, fromNow[0]?.subject]).toEqual([id, id]);
  });

  it('a subscription fails if events are deleted while it catches up, and skips none', async () => {
    const { last: start } = await ledger.events.range();
    // Two pages of transfers, and domain events after them.
    await Promise.all(Array.from({ length: 600 }, () => pay()));
    await ledger.accounts.open({ address: 'behind', currency: 'USD' });
    await pay();
    const batches = (await subscribe(start, bed.ledger({ name: ledger.name })))[Symbol.asyncIterator]();
    expect((await batches.next()).value).toHaveLength(3 * 500);
    await deleteEvents();
    await expect(batches.next()).rejects.toEqual(refusal('events_gone'));
  });

  it('a subscription fails if events are deleted while this process cannot follow the log', async () => {
    const proxy = await startTcpProxy(bed.url);
    const behind = createLedger({ database: proxy.url, name: ledger.name });
    const received: LedgerEvent[] = [];
    const delivered = untilGone(await behind.events.subscribe(), received);
    const { id } = await pay();
    await expect.poll(() => received.length).toBe(3);
    proxy.isAway = true;
    proxy.cutAll();
    await ledger.accounts.freeze('b');
    await deleteEvents();
    proxy.isAway = false;
    expect((await delivered).map(({ type, subject }) => [type, subject])[0]).toEqual(['transfer.posted.v1', id]);
    expect(await delivered).toHaveLength(3);
    // A new subscription receives what is committed from now on.
    const again = collect(await behind.events.subscribe());
    await pay();
    await expect.poll(() => again.length).toBe(3);
    await behind.close();
    await proxy.close();
  });

  it.each([
    ['an event of a later release', writeUnknownEvent, 'account.painted.v1, which is not known here'],
    ['a transfer of accounts that are not there', writeBrokenTransfer, 'names an account that is not there'],
  ] as const)(
    'a subscription waits at %s, says so once, and goes on when it is mended',
    async (_name, writeRow, why) => {
      const faults: unknown[] = [];
      let connections = 0;
      const stream = () => {
        connections += 1;
        return new Socket();
      };
      const own = bed.ledger({
        name: ledger.name,
        database: { connectionString: bed.url, stream },
        onEventFault: (fault) => faults.push(fault),
      });
      const delivered = collect(await own.events.subscribe({ signal: ending.signal }));
      const position = await writeRow(bed, ledger.name);
      const payHere = () => own.transfers.post({ from: 'world', to: 'a', amount: 1n, currency: 'USD' });
      await payHere();
      await expect.poll(() => faults.length).toBe(1);
      const [before, startedAtMs] = [connections, performance.now()];
      // The time of a few more looks, which commits do not hasten.
      for (let count = 1; count < 30; count += 1) {
        await payHere();
        await delay(50);
      }
      expect(connections - before).toBeLessThan(10 + (performance.now() - startedAtMs) / 400);
      const fault = refusal('event_unreadable', {
        message: expect.stringContaining(why),
        details: { ledger: ledger.name, position: String(position) },
      });
      expect(faults).toEqual([fault]);
      expect(own.events.fault()).toEqual(fault);
      expect(delivered).toEqual([]);
      await removeRow(bed, position);
      await expect.poll(() => delivered.length).toBe(3 * 30);
      expect(own.events.fault()).toBeUndefined();
    },
  );

  it('a subscription ends with its signal, and with the ledger', async () => {
    const own = createLedger({ database: bed.url, name: ledger.name });
    const stopping = new AbortController();
    let ended = 0;
    const watch = async (subscription: EventSubscription) => {
      for await (const _ of subscription);
      ended += 1;
    };
    const watched = [
      watch(await own.events.subscribe({ signal: stopping.signal })),
      watch(await own.events.subscribe()),
    ];
    stopping.abort();
    await expect.poll(() => ended).toBe(1);
    await own.close();
    await Promise.all(watched);
    expect(ended).toBe(2);
  });

  it('a subscription loses and repeats nothing while its connection is broken again and again', async () => {
    const delivered = collect(await subscribe());
    const breaking = (async () => {
      for (let count = 0; count < 5; count += 1) {
        await delay(100);
        await bed.sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tailed'`);
      }
    })();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, () => delay(Math.random() * 600).then(() => pay())),
    );
    await breaking;
    const [row] = await bed.sql<{ count: number }>(
      `select count(*)::int as count from micropay.transfers t join micropay.ledgers l on l.id = t.ledger where l.name = $1`,
      [ledger.name],
    );
    expect(outcomes.length).toBe(200);
    await expect.poll(() => delivered.length).toBe(3 * (row?.count ?? 0));
    expect(sequenceFaults(delivered)).toEqual([]);
  });

  it('a subscription delivers everything in order to many subscribers, fast and slow ones', async () => {
    const quick = await Promise.all(Array.from({ length: 50 }, async () => collect(await subscribe())));
    const slow: LedgerEvent[] = [];
    const subscription = await subscribe();
    void (async () => {
      for await (const events of subscription) {
        slow.push(...events);
        await delay(50);
      }
    })();
    await Promise.all(Array.from({ length: 1_000 }, () => pay()));
    await expect
      .poll(() => [slow.length, ...quick.map((delivered) => delivered.length)])
      .toEqual(Array(51).fill(3_000));
    for (const delivered of [slow, ...quick]) expect(sequenceFaults(delivered)).toEqual([]);
  });
});
