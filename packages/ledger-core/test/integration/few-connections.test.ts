import { createLedger, type Ledger } from '@micropay/ledger-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const ROLE = 'frugal';
let url: string;
let ledger: Ledger;

beforeAll(async () => {
  await bed.sql(`create role ${ROLE} login password 'secret'`);
  await bed.sql(`grant usage on schema micropay to ${ROLE}`);
  await bed.sql(`grant all on all tables in schema micropay to ${ROLE}`);
  await bed.sql(`grant all on all sequences in schema micropay to ${ROLE}`);
  const own = new URL(bed.url);
  own.username = ROLE;
  own.password = 'secret';
  url = own.href;
  await openWallets(bed.ledger(), { alice: 0n });
});
afterEach(() => ledger.close());
afterAll(async () => {
  await bed.sql(`drop owned by ${ROLE}`);
  await bed.sql(`drop role ${ROLE}`);
});

async function openAs(limit: number): Promise<Ledger> {
  await bed.sql(`alter role ${ROLE} connection limit ${limit}`);
  ledger = createLedger({ database: url });
  return ledger;
}

const pay = () => ledger.transfers.post({ from: 'world', to: 'alice', amount: 1n, currency: 'USD' });

it('a burst is served on the connections that the role may have', async () => {
  await openAs(4);
  expect(await ledger.checkDatabase()).not.toContainEqual(expect.objectContaining({ setting: 'synchronous_commit' }));
  const subscription = await ledger.events.subscribe();
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(
      Array.from({ length: 50 }, () => Promise.all([pay(), ledger.accounts.get('alice'), ledger.accounts.list()])),
    );
  }
  await ledger.verify();
  for await (const events of subscription) {
    expect(events.length).toBeGreaterThan(0);
    break;
  }
});

it.each(['all the time', 'for a moment'])(
  'posting has a connection although reads have had all of them %s',
  async (when) => {
    await openAs(4);
    let isDone = false;
    const reads = Array.from({ length: 8 }, async () => {
      do {
        await ledger.accounts.get('alice');
      } while (when === 'all the time' && !isDone);
    });
    await ledger.accounts.get('alice');
    const startedAtMs = performance.now();
    const { replayed } = await pay();
    isDone = true;
    await Promise.all(reads);
    expect(replayed).toBe(false);
    // A pool would let go of them after ten seconds without use.
    expect(performance.now() - startedAtMs).toBeLessThan(8_000);
  },
);

it('waits for a connection that another session gives back', async () => {
  await openAs(1);
  const other = createLedger({ database: url });
  await other.check();
  const checking = ledger.check();
  await other.close();
  await expect(checking).resolves.toBeUndefined();
});

it.each([0, 3])('a connection limit of %i is refused at the start, with what to do', async (limit) => {
  await openAs(4);
  await ledger.check();
  await bed.sql(`alter role ${ROLE} connection limit ${limit}`);
  await expect(ledger.checkDatabase()).rejects.toEqual(
    refusal('database_misconfigured', {
      retryable: false,
      message: expect.stringContaining('connection limit 4'),
      details: { reason: 'connections', allowed: limit, needed: 4 },
    }),
  );
});
