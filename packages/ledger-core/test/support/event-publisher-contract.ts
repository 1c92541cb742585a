import { randomUUID } from 'node:crypto';
import type { EventPublisher, LedgerEvent } from '@micropay/ledger-core';
import { afterEach, beforeEach, expect, it } from 'vitest';

/** An event as its destination has it. */
export type ReceivedEvent = Omit<LedgerEvent, 'position'>;

/** A publisher and a look at its destination. */
export interface PublisherUnderTest {
  readonly publisher: EventPublisher;
  /** Events that the destination has stored durably so far, each subject's in order. */
  received(): Promise<readonly ReceivedEvent[]>;
  end(): Promise<void>;
}

/** Tests of the contract that every `EventPublisher` must keep. Call it in a `describe`. */
export function itKeepsTheContract(create: () => Promise<PublisherUnderTest>): void {
  let under: PublisherUnderTest;
  let position = 0n;

  beforeEach(async () => {
    under = await create();
  });
  afterEach(() => under?.end());

  function opened(address: string): LedgerEvent {
    position += 1n;
    return {
      ...{ id: randomUUID(), type: 'account.opened.v1', subject: randomUUID(), ledger: 'main', position },
      time: new Date('2026-01-02T03:04:05.678Z'),
      data: { address, type: 'liability', currency: 'USD', minimum: '0', maximum: null },
    } as const;
  }

  function changed(subject: string, sequence: number): LedgerEvent {
    position += 1n;
    return {
      ...{ id: `${subject}/${sequence}`, type: 'balance.changed.v1', subject, ledger: 'main', position },
      time: new Date(),
      data: {
        ...{ accountId: subject, address: 'users:1', currency: 'USD', sequence: String(sequence) },
        ...{ posted: '1', pendingIn: '0', pendingOut: '0', available: '1', change: '1', transferId: randomUUID() },
      },
    } as const;
  }

  function posted(note: string): LedgerEvent {
    position += 1n;
    const transferId = randomUUID();
    return {
      ...{ id: `${transferId}/transfer.posted`, type: 'transfer.posted.v1', subject: transferId, position },
      ...{ ledger: 'main', time: new Date() },
      data: {
        ...{ transferId, groupId: null, from: randomUUID(), fromAddress: 'a', to: randomUUID(), toAddress: 'b' },
        ...{ amount: '1', currency: 'USD', description: 'ä €', metadata: { note }, reference: null },
        ...{ recordedAt: new Date().toISOString(), effectiveAt: new Date().toISOString() },
      },
    } as const;
  }

  function asReceived({ position: _, ...event }: LedgerEvent): ReceivedEvent {
    return event as ReceivedEvent;
  }

  async function receivedById() {
    return (await under.received()).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  function byId(events: readonly LedgerEvent[]) {
    return events.map(asReceived).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  it('has delivered every attribute and the data of each event when publish resolves', async () => {
    const events = [opened('users:1'), changed(randomUUID(), 1), posted('ü')];
    await under.publisher.connect();
    await under.publisher.publish(events);
    expect(await receivedById()).toEqual(byId(events));
  });

  it('keeps the order of each subject, within a call and from call to call', async () => {
    const subjects = [randomUUID(), randomUUID(), randomUUID()];
    await under.publisher.connect();
    for (let call = 0; call < 5; call += 1) {
      const events = [1, 2, 3, 4].flatMap((step) => subjects.map((subject) => changed(subject, 4 * call + step)));
      await under.publisher.publish(events);
    }
    const received = await under.received();
    for (const subject of subjects) {
      const ids = received.filter((event) => event.subject === subject).map(({ id }) => id);
      expect(ids).toEqual(Array.from({ length: 20 }, (_, index) => `${subject}/${index + 1}`));
    }
  });

  it('delivers a call of many events of the largest size', async () => {
    const subject = randomUUID();
    const events = Array.from({ length: 300 }, () => ({ ...posted('x'.repeat(8_000)), subject }));
    await under.publisher.connect();
    await under.publisher.publish(events);
    expect((await under.received()).map(({ id }) => id)).toEqual(events.map(({ id }) => id));
  });

  it('can be connected twice, and again after it was closed', async () => {
    await under.publisher.connect();
    await under.publisher.connect();
    const [first, second] = [opened('users:1'), opened('users:2')];
    await under.publisher.publish([first]);
    await under.publisher.close();
    await under.publisher.connect();
    await under.publisher.publish([second]);
    expect(await receivedById()).toEqual(byId([first, second]));
  });

  it('delivers the same events again when it is told to', async () => {
    const event = opened('users:1');
    await under.publisher.connect();
    await under.publisher.publish([event]);
    await under.publisher.publish([event]);
    expect(await under.received()).toEqual([event, event].map(asReceived));
  });

  it('refuses to publish before it is connected and after it is closed', async () => {
    await expect(under.publisher.publish([opened('users:1')])).rejects.toThrow('connect');
    await under.publisher.connect();
    await under.publisher.close();
    await expect(under.publisher.publish([opened('users:1')])).rejects.toThrow('connect');
    await under.publisher.close();
  });
}
