import { setTimeout as delay } from 'node:timers/promises';
import { createRelay, type EventPublisher, type Ledger, type Relay, type RelayOptions } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRecordingPublisher, sequenceFaults } from '../support/recording-publisher.js';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';
import { writeBrokenTransfer, writeUnknownEvent } from '../support/unreadable-rows.js';

const bed = useTestBed();
let ledger: Ledger;
let relays: Relay[];
let sinks = 0;
let sink: string;

beforeEach(async () => {
  relays = [];
  sinks += 1;
  sink = `sink-${sinks}`;
  ledger = bed.ledger({ name: `book-${sinks}` });
  await openWallets(ledger, { a: 0n, b: 0n });
  // Events of other tests do not concern this one.
  await bed.sql(
    `with known as (insert into micropay.event_sinks (sink) values ($1))
     insert into micropay.event_cursors (ledger, sink, position)
     select id, $1, last_value from micropay.ledgers, micropay.event_position`,
    [sink],
  );
});
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
});

function relay(publisher: EventPublisher, options: Partial<RelayOptions> = {}): Relay {
  const made = createRelay({ database: bed.url, sink, publisher, pollMs: 20, ...options });
  relays.push(made);
  return made;
}

async function forgetSink(): Promise<void> {
  await bed.sql('delete from micropay.event_sinks where sink = $1', [sink]);
  await bed.sql(
    'delete from micropay.event_cursors where sink = $1 and ledger = (select id from micropay.ledgers where name = $2)',
    [sink, ledger.name],
  );
}

function pay(amount = 1n) {
  return ledger.transfers.post({ from: 'world', to: 'a', amount, currency: 'USD' });
}

describe('a relay', () => {
  it('a relay delivers what was committed before and after it started, in order', async () => {
    const publisher = createRecordingPublisher();
    const before = await pay(10n);
    const running = relay(publisher);
    running.start();
    await expect.poll(() => publisher.first().length).toBe(3);
    await pay(5n);
    await expect.poll(() => publisher.first().length).toBe(6);
    expect(publisher.first().map(({ type }) => type)).toEqual([
      'transfer.posted.v1',
      'balance.changed.v1',
      'balance.changed.v1',
      'transfer.posted.v1',
      'balance.changed.v1',
      'balance.changed.v1',
    ]);
    expect(publisher.first()[0]?.subject).toBe(before.id);
    expect(sequenceFaults(publisher.first())).toEqual([]);
  });

  it('a relay delivers at once after a wake, however long it would have slept', async () => {
    const publisher = createRecordingPublisher();
    const running = relay(publisher, { pollMs: 60_000 });
    const stopListening = ledger.onCommit(running.wake);
    running.start();
    await expect.poll(async () => (await running.status()).isLeader).toBe(true);
    // By now it sleeps for seconds at a time.
    await delay(3_000);
    await pay();
    await expect.poll(() => publisher.first().length, { timeout: 1_500 }).toBe(3);
    stopListening();
  });

  it('a relay goes on from its cursor after a restart', async () => {
    const publisher = createRecordingPublisher();
    const first = relay(publisher);
    first.start();
    await pay();
    await expect.poll(async () => (await first.status()).rows).toBe(0);
    await first.stop();
    await pay();
    relay(publisher).start();
    await expect.poll(() => publisher.deliveries.flat().length).toBe(6);
    await delay(100);
    expect(publisher.deliveries.flat()).toHaveLength(6);
  });

  it('a relay delivers a batch that was not acknowledged again, with longer and longer pauses, and reports each failure', async () => {
    const errors: number[] = [];
    let failures = 4;
    const publisher = createRecordingPublisher({
      async after() {
        failures -= 1;
        if (failures >= 0) throw new Error('the sink is away');
      },
    });
    const running = relay(publisher, { onError: () => errors.push(Date.now()) });
    await pay();
    running.start();
    await expect.poll(async () => (await running.status()).rows, { timeout: 10_000 }).toBe(0);
    expect(publisher.deliveries).toHaveLength(5);
    expect(publisher.first()).toHaveLength(3);
    const pauses = errors.slice(1).map((at, index) => at - (errors[index] ?? 0));
    expect(pauses).toHaveLength(3);
    // 100, 200 and 400 ms and what a new lead costs.
    expect(pauses.map((ms, index) => ms >= 90 * 2 ** index)).toEqual([true, true, true]);
  });

  it('a relay says how far it is behind, in rows and seconds, and catches up', async () => {
    const publisher = createRecordingPublisher();
    const running = relay(publisher);
    expect(await running.status()).toMatchObject({ rows: 0, seconds: 0, isLeader: false });
    await pay();
    await delay(300);
    await pay();
    const behind = await running.status();
    expect(behind.rows).toBe(2);
    expect(behind.seconds).toBeGreaterThan(0.25);
    expect(behind.seconds).toBeLessThan(30);
    running.start();
    await expect.poll(() => running.status()).toMatchObject({ rows: 0, seconds: 0, isLeader: true });
  });

  it('a relay stays paused over a restart, whichever process paused it, and goes on where it was', async () => {
    const publisher = createRecordingPublisher();
    const running = relay(publisher);
    await relay(createRecordingPublisher()).pause();
    running.start();
    await expect.poll(async () => (await running.status()).isLeader).toBe(true);
    await pay();
    await delay(200);
    expect(publisher.deliveries).toEqual([]);
    expect(await running.status()).toMatchObject({ isPaused: true, rows: 1 });
    await running.stop();
    const again = relay(publisher);
    again.start();
    await delay(200);
    expect(publisher.deliveries).toEqual([]);
    await again.resume();
    await expect.poll(() => publisher.first().length).toBe(3);
  });

  it('a relay delivers everything after a position again, with the same ids and contents', async () => {
    const publisher = createRecordingPublisher();
    const running = relay(publisher);
    const { position: start } = await running.lag(ledger.name);
    running.start();
    for (let count = 0; count < 5; count += 1) await pay();
    await expect.poll(() => publisher.first().length).toBe(15);
    const delivered = publisher.deliveries.flat();
    await running.replay(ledger.name, start);
    await expect.poll(() => publisher.deliveries.flat().length).toBe(30);
    expect(publisher.deliveries.flat().slice(15)).toEqual(delivered);
  });

  it('a relay drops what it has read ahead when a replay is requested meanwhile', async () => {
    let replayed: Promise<void> | undefined;
    const publisher = createRecordingPublisher({
      before: async () => {
        if (publisher.deliveries.length !== 2) return;
        replayed ??= running.replay(ledger.name, start);
        await replayed;
      },
    });
    const running = relay(publisher, { batchSizeMax: 2 });
    const { position: start } = await running.lag(ledger.name);
    for (let count = 0; count < 10; count += 1) await pay();
    running.start();
    await expect.poll(async () => (await running.status()).rows).toBe(0);
    // Three deliveries until then, the last of which did not move the cursor; then all of it from the start.
    const delivered = publisher.deliveries.map((events) => events.length);
    expect(delivered).toEqual([6, 6, 6, 6, 6, 6, 6, 6]);
    expect(sequenceFaults(publisher.deliveries.slice(3).flat())).toEqual([]);
    expect(sequenceFaults(publisher.first())).toEqual([]);
  });

  it('a relay lets the send under way end before it gives the lead up because it cannot read on', async () => {
    const delivered: string[] = [];
    const publisher: EventPublisher = {
      async connect() {},
      async publish() {
        if (delivered.length === 0) {
          delivered.push('sending');
          await bed.sql('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [sink]);
          await delay(300);
          delivered.push('sent');
        }
      },
      async close() {
        delivered.push('closed');
      },
    };
    for (let count = 0; count < 6; count += 1) await pay();
    const running = relay(publisher, {
      database: { connectionString: bed.url, application_name: sink },
      batchSizeMax: 2,
    });
    running.start();
    await expect.poll(() => delivered.slice(0, 3)).toEqual(['sending', 'sent', 'closed']);
    await expect.poll(async () => (await running.status()).rows).toBe(0);
  });

  it('a relay leaves no unhandled read behind when a row is unreadable', async () => {
    const unawaited: unknown[] = [];
    const listen = (reason: unknown) => unawaited.push(reason);
    process.on('unhandledRejection', listen);
    // The first batch ends before an unreadable row, and reading ahead fails on it.
    await pay();
    await writeUnknownEvent(bed, ledger.name);
    await pay();
    await writeBrokenTransfer(bed, ledger.name);
    const errors: unknown[] = [];
    relay(createRecordingPublisher(), { batchSizeMax: 2, onError: (error) => errors.push(error) }).start();
    await expect.poll(() => errors.length, { timeout: 10_000 }).toBeGreaterThan(2);
    expect(unawaited).toEqual([]);
    process.off('unhandledRejection', listen);
  });

  it('a relay makes its sink known, which keeps events from being deleted, when it leads, before the sink can be reached', async () => {
    const sinks = () => bed.sql('select paused from micropay.event_sinks where sink = $1', [sink]);
    await forgetSink();
    const asking = relay(createRecordingPublisher());
    expect(await asking.status()).toMatchObject({ isPaused: false });
    expect(await asking.lag(ledger.name)).toMatchObject({ position: 0n });
    await expect(asking.pause()).rejects.toEqual(refusal('invalid_request'));
    await expect(asking.resume()).rejects.toEqual(refusal('invalid_request'));
    await expect(asking.replay(ledger.name, 0n)).rejects.toEqual(refusal('invalid_request'));
    expect(await sinks()).toEqual([]);

    const away: EventPublisher = {
      connect: () => Promise.reject(new Error('the sink is away')),
      async publish() {},
      async close() {},
    };
    relay(away).start();
    await expect.poll(sinks).toEqual([{ paused: false }]);
    await asking.pause();
    expect(await asking.status()).toMatchObject({ isPaused: true });
  });

  it('a relay refuses to replay from where it has not been, which would leave events out', async () => {
    const running = relay(createRecordingPublisher());
    const { position } = await running.lag(ledger.name);
    await expect(running.replay(ledger.name, position + 1n)).rejects.toEqual(refusal('invalid_request'));
    await expect(running.replay(ledger.name, -1n)).rejects.toEqual(refusal('invalid_request'));
    expect((await running.lag(ledger.name)).position).toBe(position);
  });

  it('a relay finishes the current delivery when it is stopped, and keeps its place', async () => {
    let release: (() => void) | undefined;
    const publisher = createRecordingPublisher({
      before: () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    });
    const running = relay(publisher);
    const { position } = await running.lag(ledger.name);
    await pay();
    running.start();
    await expect.poll(() => release).toBeDefined();
    const stopped = running.stop();
    release?.();
    await stopped;
    expect(publisher.deliveries).toHaveLength(1);
    const watching = relay(createRecordingPublisher());
    expect((await watching.lag(ledger.name)).position).toBe(position + 1n);
  });

  it('a relay stops while it waits for the lead or for events', async () => {
    const [leader, follower] = [relay(createRecordingPublisher()), relay(createRecordingPublisher())];
    leader.start();
    await expect.poll(async () => (await leader.status()).isLeader).toBe(true);
    follower.start();
    await delay(200);
    await Promise.all([follower.stop(), leader.stop()]);
  });

  it('a relay leads alone, and is followed when it stops', async () => {
    const publishers = [createRecordingPublisher(), createRecordingPublisher(), createRecordingPublisher()];
    const several = publishers.map((publisher) => relay(publisher));
    for (const one of several) one.start();
    const leaders = async () => (await Promise.all(several.map((one) => one.status()))).map(({ isLeader }) => isLeader);
    await expect.poll(leaders).toContain(true);
    for (let count = 0; count < 10; count += 1) await pay();
    await expect.poll(async () => (await several[0]?.status())?.rows).toBe(0);
    expect(publishers.filter(({ deliveries }) => deliveries.length > 0)).toHaveLength(1);

    const leading = (await leaders()).indexOf(true);
    await several[leading]?.stop();
    await pay();
    await expect.poll(() => publishers.flatMap(({ deliveries }) => deliveries.flat())).toHaveLength(33);
  });

  it('a relay gives the lead up when its connection breaks, and takes it again', async () => {
    const publisher = createRecordingPublisher();
    const errors: unknown[] = [];
    const running = relay(publisher, {
      database: { connectionString: bed.url, application_name: sink },
      onError: (error) => errors.push(error),
    });
    running.start();
    await expect.poll(async () => (await running.status()).isLeader).toBe(true);
    await bed.sql('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [sink]);
    await pay();
    await expect.poll(() => publisher.first().length).toBe(3);
    expect(errors.length).toBeGreaterThan(0);
  });

  it('a relay names the transaction that holds it up at a gap', async () => {
    const publisher = createRecordingPublisher();
    const running = relay(publisher);
    running.start();
    const slow = await bed.connect();
    await slow.query(`set application_name = 'a slow caller'`);
    await slow.query('begin');
    await slow.query('select pg_current_xact_id()');
    await slow.query(`select nextval('micropay.event_position')`);
    await pay();
    await expect
      .poll(() => running.status())
      .toMatchObject({ isHeldUp: true, heldUpBy: { application: 'a slow caller' }, rows: 1 });
    expect(publisher.deliveries).toEqual([]);
    await slow.query('rollback');
    await expect.poll(() => publisher.first().length).toBe(3);
    expect(await running.status()).toMatchObject({ isHeldUp: false, heldUpBy: null });
  });

  it('a new sink that is opened at the end of the log receives what commits from then on, and nothing before', async () => {
    await pay(1n);
    await forgetSink();
    const publisher = createRecordingPublisher();
    const running = relay(publisher);
    const end = await running.findEnd(ledger.name);
    await running.open(ledger.name, end);
    const after = await pay(2n);
    running.start();
    await expect.poll(() => publisher.first().length).toBe(3);
    expect(publisher.first()[0]?.subject).toBe(after.id);
    await running.open(ledger.name, 0n);
    // The cursor moves on after the delivery.
    await expect.poll(async () => (await running.lag(ledger.name)).position > end).toBe(true);
  });

  it('a sink skips to a position without delivering, and never moves back', async () => {
    const publisher = createRecordingPublisher();
    const running = relay(publisher);
    await pay(1n);
    const end = await running.findEnd(ledger.name);
    await running.skip(ledger.name, end);
    await running.skip(ledger.name, end - 1n);
    expect(await running.lag(ledger.name)).toMatchObject({ position: end, rows: 0 });
    running.start();
    const after = await pay(2n);
    await expect.poll(() => publisher.first().length).toBe(3);
    expect(publisher.first()[0]?.subject).toBe(after.id);
  });

  it('the end of the log is not found while a transaction that has written events may still fill a gap', async () => {
    const open = await bed.connect();
    await open.query('begin');
    await ledger.within(fromPg(open)).transfers.post({ from: 'world', to: 'a', amount: 1n, currency: 'USD' });
    const running = relay(createRecordingPublisher());
    let found: bigint | undefined;
    const finding = running.findEnd(ledger.name).then((end) => {
      found = end;
    });
    await delay(300);
    expect(found).toBeUndefined();
    await open.query('rollback');
    await finding;
    expect(found).toBeGreaterThan(0n);
  });
});
