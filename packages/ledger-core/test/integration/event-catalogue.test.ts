import {
  createRelay,
  EVENT_DATA,
  type EventType,
  isCatalogueEvent,
  type Ledger,
  type LedgerEvent,
} from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { v7 as uuidv7 } from 'uuid';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ZodType } from 'zod';
import { createRecordingPublisher } from '../support/recording-publisher.js';
import { refusal, useTestBed } from '../support/test-bed.js';
import { userCreated } from '../support/user-created.js';

const bed = useTestBed();
let ledger: Ledger;
let sinks = 0;

beforeAll(() => {
  ledger = bed.ledger();
});

/** All events of the database. */
async function allEvents(): Promise<readonly LedgerEvent[]> {
  sinks += 1;
  const publisher = createRecordingPublisher();
  const relay = createRelay({ database: bed.url, sink: `all-${sinks}`, publisher });
  relay.start();
  await expect.poll(async () => (await relay.status()).rows).toBe(0);
  await relay.stop();
  return publisher.first();
}

async function eventsOf(...subjects: readonly string[]): Promise<readonly LedgerEvent[]> {
  return (await allEvents()).filter(({ subject }) => subjects.includes(subject));
}

describe('events', () => {
  it('events report an account that was opened, frozen and unfrozen', async () => {
    const account = await ledger.accounts.open({ address: 'users:1', currency: 'USD', minimum: -5n });
    await ledger.accounts.freeze('users:1', { side: 'debits' });
    await ledger.accounts.unfreeze('users:1');
    const events = await eventsOf(account.id);
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ['account.opened.v1', { address: 'users:1', type: 'liability', currency: 'USD', minimum: '-5', maximum: null }],
      ['account.frozen.v1', { address: 'users:1', from: 'open', to: 'frozen_debits' }],
      ['account.unfrozen.v1', { address: 'users:1', from: 'frozen_debits', to: 'open' }],
    ]);
    expect(events.every((event) => event.ledger === 'main')).toBe(true);
  });

  it('events report a transfer and both balances that it changed', async () => {
    const from = await ledger.accounts.open({ address: 'world:2', currency: 'USD' });
    const to = await ledger.accounts.open({ address: 'users:2', currency: 'USD' });
    const transfer = await ledger.transfers.post({
      from: 'world:2',
      to: 'users:2',
      amount: 1250n,
      currency: 'USD',
      description: 'a deposit',
      metadata: { order: 7 },
      effectiveAt: new Date('2026-01-02T03:04:05.678Z'),
    });
    const { recordedAt } = transfer;
    expect((await eventsOf(transfer.id, from.id, to.id)).slice(2)).toEqual([
      {
        id: `${transfer.id}/transfer.posted`,
        type: 'transfer.posted.v1',
        subject: transfer.id,
        ledger: 'main',
        time: recordedAt,
        position: expect.any(BigInt),
        data: {
          transferId: transfer.id,
          groupId: null,
          from: from.id,
          fromAddress: 'world:2',
          to: to.id,
          toAddress: 'users:2',
          amount: '1250',
          currency: 'USD',
          description: 'a deposit',
          metadata: { order: 7 },
          reference: null,
          recordedAt: recordedAt.toISOString(),
          effectiveAt: '2026-01-02T03:04:05.678Z',
        },
      },
      expect.objectContaining({
        id: `${transfer.id}/balance.changed/${from.id}`,
        type: 'balance.changed.v1',
        subject: from.id,
        data: {
          accountId: from.id,
          address: 'world:2',
          currency: 'USD',
          sequence: '1',
          posted: '1250',
          pendingIn: '0',
          pendingOut: '0',
          available: null,
          change: '1250',
          transferId: transfer.id,
        },
      }),
      expect.objectContaining({
        id: `${transfer.id}/balance.changed/${to.id}`,
        subject: to.id,
        data: expect.objectContaining({ sequence: '1', posted: '1250', available: '1250', change: '1250' }),
      }),
    ]);
  });

  it('events report a withdrawal as a negative change on both sides', async () => {
    await ledger.accounts.open({ address: 'world:3', currency: 'USD' });
    await ledger.accounts.open({ address: 'users:3', currency: 'USD' });
    await ledger.transfers.post({ from: 'world:3', to: 'users:3', amount: 10n, currency: 'USD' });
    const back = await ledger.transfers.post({ from: 'users:3', to: 'world:3', amount: 4n, currency: 'USD' });
    const changes = (await allEvents()).filter(
      (event) => event.type === 'balance.changed.v1' && event.data.transferId === back.id,
    );
    expect(changes.map(({ data }) => data)).toEqual([
      expect.objectContaining({ address: 'users:3', change: '-4', posted: '6', available: '6', sequence: '2' }),
      expect.objectContaining({ address: 'world:3', change: '-4', posted: '6', available: null, sequence: '2' }),
    ]);
  });

  it('events have the shape of their type whatever UUIDs their accounts and transfers were given', async () => {
    const id = (end: string) => `11111111-2222-0333-0444-55555555555${end}`;
    const from = await ledger.accounts.open({ id: id('1'), address: 'world:given', currency: 'USD' });
    const to = await ledger.accounts.open({ id: id('2'), address: 'users:given', currency: 'USD' });
    const transfer = { from: from.id, to: to.id, amount: 1n, currency: 'USD', id: id('3') };
    await ledger.transfers.post(transfer);
    const events = await eventsOf(from.id, to.id, transfer.id);
    expect(events).toHaveLength(5);
    for (const { type, data } of events) {
      expect(EVENT_DATA[type as EventType].safeParse(data).error, type).toBeUndefined();
    }
  });

  it('events name the group of linked transfers', async () => {
    for (const address of ['world:4', 'users:4', 'fees:4']) await ledger.accounts.open({ address, currency: 'USD' });
    const legs = await ledger.transfers.postLinked([
      { from: 'world:4', to: 'users:4', amount: 10n, currency: 'USD' },
      { from: 'users:4', to: 'fees:4', amount: 1n, currency: 'USD' },
    ]);
    const events = await eventsOf(...legs.map(({ id }) => id));
    expect(events.map(({ data }) => 'groupId' in data && data.groupId)).toEqual(legs.map(({ groupId }) => groupId));
    expect(legs[0]?.groupId).not.toBeNull();
  });

  it('events report nothing that was rolled back or refused', async () => {
    const count = (await allEvents()).length;
    const client = await bed.connect();
    await client.query('begin');
    await ledger.within(fromPg(client)).accounts.open({ address: 'users:never', currency: 'USD' });
    await client.query('rollback');
    await ledger.accounts.open({ address: 'users:5', currency: 'USD' });
    const refused = ledger.transfers.post({ from: 'users:5', to: 'users:1', amount: 1n, currency: 'USD' });
    await expect(refused).rejects.toEqual(refusal('insufficient_funds'));
    expect((await allEvents()).length).toBe(count + 1);
  });

  it('events include a domain event of the application that was committed with its own rows', async () => {
    const userId = uuidv7();
    const client = await bed.connect();
    await client.query('begin');
    const within = ledger.within(fromPg(client));
    await within.events.write(userCreated, { subject: userId, data: { userId } });
    const account = await within.accounts.open({ address: `users:${userId}`, currency: 'USD' });
    await client.query('commit');
    const events = await eventsOf(userId, account.id);
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ['user.created.v1', { userId }],
      ['account.opened.v1', expect.objectContaining({ address: `users:${userId}` })],
    ]);
  });

  it('a domain event gives the transaction its id before it draws its position', async () => {
    const client = await bed.connect();
    await client.query('begin');
    const statements: string[] = [];
    const spy = {
      executeSql(text: string, values: readonly unknown[]) {
        statements.push(text);
        return client.query(text, [...values]);
      },
    };
    const userId = uuidv7();
    await ledger.within(spy).events.write(userCreated, { subject: userId, data: { userId } });
    await client.query('rollback');
    const takesId = statements.findIndex((text) => text.includes('pg_current_xact_id'));
    const drawsPosition = statements.findIndex((text) => text.includes('.events'));
    expect(takesId).toBeGreaterThan(-1);
    expect(takesId).toBeLessThan(drawsPosition);
  });

  it.each([
    ['a subject that is no id', { subject: 'somebody' }],
    ['data that is not of the type', { data: { user: 7 } }],
  ])('events.write refuses %s', async (_, change) => {
    const userId = uuidv7();
    const client = await bed.connect();
    await client.query('begin');
    const event = { subject: userId, data: { userId }, ...change };
    const write = ledger.within(fromPg(client)).events.write(userCreated, event as never);
    await expect(write).rejects.toEqual(refusal('invalid_request'));
    await client.query('rollback');
  });

  it('events all have the shape that the catalogue gives their type, and an id of their own', async () => {
    const events = await allEvents();
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    for (const event of events.filter(isCatalogueEvent)) {
      expect((EVENT_DATA[event.type] as ZodType).parse(event.data)).toEqual(event.data);
    }
  });
});
