import type { Ledger, PostTransfer } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;
let books = 0;
let engine: Ledger;

/** PostgreSQL refuses this amount for a reason that the ledger knows nothing of. */
const POISON = 666n;

beforeAll(async () => {
  engine = bed.ledger();
  await bed.sql(`alter table micropay.transfers add constraint unlucky check (amount <> ${POISON})`);
});
beforeEach(async () => {
  books += 1;
  ledger = engine.inLedger(`book-${books}`);
  await openWallets(ledger, { alice: 0n, bob: 0n, carol: 0n });
});

const deposit = (to: string, amount = 1n): PostTransfer => ({ from: 'world', to, amount, currency: 'USD' });
const fault = { name: 'error', constraint: 'unlucky' };

/** Posts together, and says what became of each. */
async function outcomesOf(requests: readonly PostTransfer[]): Promise<readonly string[]> {
  const settled = await Promise.allSettled(requests.map((request) => ledger.transfers.post(request)));
  return settled.map((one) => (one.status === 'fulfilled' ? 'posted' : ((one.reason as Error).name ?? '')));
}

describe('a request that PostgreSQL refuses', () => {
  // Of 600, one half is sent behind the other before the other is answered.
  it.each([1, 2, 7, 64, 600])(
    'a request that PostgreSQL refuses fails alone among %i, and its neighbours post',
    async (count) => {
      const requests = Array.from({ length: count }, (_, index) => deposit('alice', index === count - 1 ? POISON : 1n));
      expect(await outcomesOf(requests)).toEqual(
        requests.map(({ amount }) => (amount === POISON ? 'error' : 'posted')),
      );
      expect(await postedOf(ledger, 'alice')).toBe(BigInt(count - 1));
      await expectSound(ledger);
    },
  );

  it('a request that PostgreSQL refuses fails with the error of PostgreSQL', async () => {
    await expect(ledger.transfers.post(deposit('alice', POISON))).rejects.toMatchObject(fault);
  });

  it('a request that PostgreSQL refuses takes its whole linked group with it, and nothing else', async () => {
    const legs = [deposit('alice'), deposit('bob', POISON)];
    const [linked, ...others] = await Promise.allSettled([
      ledger.transfers.postLinked(legs),
      ledger.transfers.post(deposit('carol')),
      ledger.transfers.post(deposit('carol')),
    ]);
    expect([linked.status, ...others.map(({ status }) => status)]).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect([await postedOf(ledger, 'alice'), await postedOf(ledger, 'carol')]).toEqual([0n, 2n]);
  });

  it('a request that PostgreSQL refuses uses up no key', async () => {
    const request = { ...deposit('alice', POISON), idempotencyKey: 'k' };
    await expect(ledger.transfers.post(request)).rejects.toMatchObject(fault);
    expect(await ledger.transfers.post({ ...request, amount: 5n })).toMatchObject({ replayed: false });
  });

  it('a request that PostgreSQL refuses may be many: the others still post, each key once', async () => {
    const requests = Array.from({ length: 40 }, (_, index) => ({
      ...deposit('alice', index % 4 === 0 ? POISON : 1n),
      idempotencyKey: `k${index}`,
    }));
    const outcomes = await outcomesOf(requests);
    expect(outcomes.filter((outcome) => outcome === 'posted')).toHaveLength(30);
    expect(await postedOf(ledger, 'alice')).toBe(30n);
  });

  it('a request that PostgreSQL refuses does not let what comes behind a parked request of the same call overtake it', async () => {
    const holder = await bed.connect();
    const { id } = await ledger.accounts.get('bob');
    await holder.query('begin');
    await holder.query('select from micropay.balances where account_id = $1 for update', [id]);
    // Split in halves, the rest of the call stands apart from its first request.
    const calls = Promise.allSettled([
      ledger.transfers.postMany([deposit('bob'), ...Array.from({ length: 6 }, () => deposit('alice'))]),
      ledger.transfers.post(deposit('carol', POISON)),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await postedOf(ledger, 'alice')).toBe(0n);
    await holder.query('commit');
    const [ordered, poisoned] = await calls;
    expect(ordered.status === 'fulfilled' && ordered.value.every(({ ok }) => ok)).toBe(true);
    expect([poisoned.status, await postedOf(ledger, 'alice')]).toEqual(['rejected', 6n]);
  });
});

describe('a call for many of which one is refused by PostgreSQL', () => {
  const broken = { ok: false, error: refusal('internal_error', { cause: expect.objectContaining(fault) }) };

  it.each([1, 3, 1_000, 2_500])(
    'a call for many of which one is refused by PostgreSQL has a result for each of %i',
    async (count) => {
      const requests = Array.from({ length: count }, (_, index) => deposit('alice', index === count - 1 ? POISON : 1n));
      const results = await ledger.transfers.postMany(requests);
      expect(results.slice(0, -1).every(({ ok }) => ok)).toBe(true);
      expect(results.at(-1)).toEqual(broken);
      expect(results).toHaveLength(count);
      expect(await postedOf(ledger, 'alice')).toBe(BigInt(count - 1));
    },
  );

  it('a call for many of which one is refused by PostgreSQL has a result for each in the transaction of its caller, where those before it stay', async () => {
    const client = await bed.connect();
    await client.query('begin');
    const requests = Array.from({ length: 1_001 }, (_, index) => deposit('alice', index === 1_000 ? POISON : 1n));
    const results = await ledger.within(fromPg(client)).transfers.postMany(requests);
    await client.query('commit');
    expect(results.filter(({ ok }) => ok)).toHaveLength(1_000);
    expect(results.at(-1)).toEqual(broken);
    expect(await postedOf(ledger, 'alice')).toBe(1_000n);
  });
});

describe('a lane after a fault', () => {
  it('a lane after a fault holds no lock and no transaction open', async () => {
    await expect(ledger.transfers.post(deposit('alice', POISON))).rejects.toMatchObject(fault);
    const open = await bed.sql(
      `select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`,
    );
    expect(open).toEqual([]);
  });
});

describe('a role that loses a grant', () => {
  it('a role that loses a grant is refused as misconfigured, once and not request by request', async () => {
    await bed.sql(`create role clerk_${books} login password 'secret'`);
    const role = `clerk_${books}`;
    await bed.sql(
      `grant usage on schema micropay to ${role}; grant select, insert on all tables in schema micropay to ${role}`,
    );
    const url = new URL(bed.url);
    url.username = role;
    url.password = 'secret';
    const clerk = bed.ledger({ database: url.href, name: ledger.name });
    try {
      const posts = Array.from({ length: 20 }, () => clerk.transfers.post(deposit('alice')));
      const settled = await Promise.allSettled(posts);
      const refused = { status: 'rejected', reason: refusal('database_misconfigured') };
      expect(settled).toEqual(Array(20).fill(refused));
    } finally {
      await clerk.close();
      await bed.sql(`drop owned by ${role}; drop role ${role}`);
    }
  });
});
