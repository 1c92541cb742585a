import { createLedger, migrate } from '@micropay/ledger-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed({ isEmpty: true });
const faults: unknown[] = [];
let ledger: ReturnType<typeof createLedger>;

beforeAll(() => {
  ledger = createLedger({ database: bed.url, onEventFault: (fault) => faults.push(fault) });
});
afterAll(() => ledger.close());

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
