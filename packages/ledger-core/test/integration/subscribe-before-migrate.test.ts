import {
  createInProcessPublisher,
  createLedger,
  createRelay,
  deleteDeliveredEvents,
  migrate,
} from '@micropay/ledger-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed({ isEmpty: true });
const faults: unknown[] = [];
let ledger: ReturnType<typeof createLedger>;

beforeAll(() => {
  ledger = createLedger({ database: bed.url, onEventFault: (fault) => faults.push(fault) });
});
afterAll(() => ledger.close());

it.each([
  ['a database without the schema', undefined],
  ['a schema without the tables', 'empty'],
])('every reader of the log says of %s that migrate() comes first', async (_, schema = 'micropay') => {
  if (schema === 'empty') await bed.sql('create schema empty');
  const own = bed.ledger({ schema });
  const publisher = createInProcessPublisher(async () => undefined);
  const relay = createRelay({ database: bed.url, schema, sink: 'test', publisher });
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    range: () => own.events.range(),
    oldestWriter: () => own.events.oldestWriter(),
    status: () => relay.status(),
    pause: () => relay.pause(),
    resume: () => relay.resume(),
    replay: () => relay.replay('main', 0n),
    deleteDeliveredEvents: () => deleteDeliveredEvents({ database: bed.url, schema, before: new Date() }),
  };
  for (const [name, call] of Object.entries(calls)) {
    await expect(call(), name).rejects.toEqual(refusal('schema_outdated', { retryable: false }));
  }
  await relay.stop();
});

it('a subscription before the tables are there says why it waits, and begins when they are', async () => {
  const subscribing = ledger.events.subscribe();
  await expect.poll(() => faults).toEqual([refusal('schema_outdated')]);
  expect(ledger.events.fault()).toEqual(refusal('schema_outdated'));
  await migrate({ database: bed.url });
  const subscription = await subscribing;
  await ledger.accounts.open({ address: 'alice', currency: 'USD' });
  for await (const [event] of subscription) {
    expect(event?.type).toBe('account.opened.v1');
    break;
  }
  // In between some migrations may be there already, and others not.
  for (const fault of faults) expect(fault).toEqual(refusal('schema_outdated'));
});
