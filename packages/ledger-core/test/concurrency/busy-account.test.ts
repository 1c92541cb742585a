import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger, PostResult, PostTransfer } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
/** Time that the engine of these tests lets a request wait for an account. */
const BUSY_TIMEOUT_MS = 600;
let ledger: Ledger;
let books = 0;

beforeEach(async () => {
  books += 1;
  ledger = bed.ledger({ name: `book-${books}`, capacity: { accountBusyTimeoutMs: BUSY_TIMEOUT_MS } });
  await openWallets(ledger, { hot: 100n, alice: 100n, bob: 100n });
});

const pay = (from: string, to: string, amount = 1n, part: Partial<PostTransfer> = {}): PostTransfer => ({
  from,
  to,
  amount,
  currency: 'USD',
  ...part,
});

/** Somebody who begins a transaction, moves money of an account in it, and does not end it. */
async function sitOn(address: string): Promise<{ readonly client: pg.Client; release(how?: string): Promise<void> }> {
  const client = await bed.connect();
  await client.query('begin');
  await ledger.within(fromPg(client)).transfers.post(pay(address, 'world'));
  return {
    client,
    release: async (how = 'commit') => {
      await client.query(how);
    },
  };
}

/** Milliseconds that each of some calls took, one after the other. */
async function latencies(count: number, call: () => Promise<unknown>): Promise<readonly number[]> {
  const all: number[] = [];
  for (let number = 0; number < count; number += 1) {
    const started = performance.now();
    await call();
    all.push(performance.now() - started);
  }
  return all.toSorted((one, other) => one - other);
}

describe('a caller’s transaction that sits on an account', () => {
  it('a caller’s transaction that sits on an account does not stop transfers between others', async () => {
    const client = await bed.connect();
    const { id } = await ledger.accounts.get('hot');
    const payment = () => ledger.transfers.post(pay('alice', 'bob', 1n, { to: 'world' }));
    const quiet = await latencies(20, payment);
    await client.query('begin');
    await client.query('select from micropay.balances where account_id = $1 for update', [id]);
    const parked = Promise.allSettled(Array.from({ length: 20 }, () => ledger.transfers.post(pay('alice', 'hot'))));
    await sleep(150);
    const times = await latencies(60, payment);
    await client.query('commit');
    await parked;
    // Half of them lose a fraction of the lock timeout, which each of them would pay if it waited.
    expect((times[30] ?? 0) - (quiet[10] ?? 0)).toBeLessThan(50);
    await expectSound(ledger);
  });

  it('a caller’s transaction that sits on an account lets those that wait succeed when it ends in time', async () => {
    const sitter = await sitOn('hot');
    const waiting = ledger.transfers.post(pay('alice', 'hot'));
    await sleep(BUSY_TIMEOUT_MS / 2);
    await sitter.release();
    expect(await waiting).toMatchObject({ replayed: false, toBalance: { posted: 100n } });
    await expectSound(ledger);
  });

  it('a caller’s transaction that sits on an account has those that wait refused as account_busy when their time is over, with nothing moved', async () => {
    const sitter = await sitOn('hot');
    const started = performance.now();
    await expect(ledger.transfers.post(pay('alice', 'hot', 1n, { idempotencyKey: 'k' }))).rejects.toEqual(
      refusal('account_busy', { retryable: true }),
    );
    expect(performance.now() - started).toBeGreaterThanOrEqual(BUSY_TIMEOUT_MS);
    await sitter.release('rollback');
    expect(await postedOf(ledger, 'alice')).toBe(100n);
    expect(await ledger.transfers.post(pay('alice', 'hot', 1n, { idempotencyKey: 'k' }))).toMatchObject({
      replayed: false,
    });
  });

  it('a caller’s transaction that sits on an account refuses a linked group as a whole, with nothing moved', async () => {
    const sitter = await sitOn('hot');
    const group = ledger.transfers.postLinked([pay('alice', 'bob', 50n), pay('bob', 'hot', 50n)]);
    await expect(group).rejects.toEqual(refusal('account_busy'));
    expect(await postedOf(ledger, 'bob')).toBe(100n);
    await sitter.release();
  });

  it('a caller’s transaction that sits on an account makes freezing and opening wait no longer than the others', async () => {
    const sitter = await sitOn('hot');
    await ledger.within(fromPg(sitter.client)).accounts.open({ address: 'new', currency: 'USD' });
    await expect(ledger.accounts.freeze('hot')).rejects.toEqual(refusal('account_busy'));
    await expect(ledger.accounts.open({ address: 'new', currency: 'USD' })).rejects.toEqual(refusal('account_busy'));
    await sitter.release();
    expect((await ledger.accounts.freeze('hot')).status).toBe('frozen');
  });

  it('a caller’s transaction that sits on an account that posted a key makes only the same key wait', async () => {
    const client = await bed.connect();
    await client.query('begin');
    await ledger.within(fromPg(client)).transfers.post(pay('hot', 'world', 1n, { idempotencyKey: 'k' }));
    // On other accounts: nothing but the key is in its way.
    await openWallets(bed.ledger({ name: ledger.name }), {});
    const same = ledger.transfers
      .post(pay('alice', 'bob', 1n, { idempotencyKey: 'k' }))
      .catch((error: unknown) => error);
    const others = Array.from({ length: 20 }, () => ledger.transfers.post(pay('alice', 'bob')));
    const settled = await Promise.allSettled(others);
    expect(settled.filter(({ status }) => status === 'rejected')).toEqual([]);
    await client.query('commit');
    expect([refusal('account_busy'), refusal('idempotency_key_reused')]).toContainEqual(await same);
    await expectSound(ledger);
  });
});

describe('postMany', () => {
  const codes = (results: readonly PostResult[]) => results.map((result) => (result.ok ? 'ok' : result.error.code));

  it.each([
    [1, 1_000],
    [4, 1_000],
    [1, 2],
    [4, 2],
  ])('postMany keeps its order across parking, with %i lanes and batches of %i', async (lanes, batchSizeMax) => {
    const other = bed.ledger({ name: ledger.name, capacity: { lanes, batchSizeMax, accountBusyTimeoutMs: 5_000 } });
    // Each spends exactly what the one before it brought: any other order is refused.
    await ledger.accounts.open({ address: 'empty', currency: 'USD' });
    const client = await bed.connect();
    const { id } = await ledger.accounts.get('hot');
    await client.query('begin');
    await client.query('select from micropay.balances where account_id = $1 for update', [id]);
    const call = other.transfers.postMany([
      pay('alice', 'empty', 5n),
      pay('empty', 'hot', 5n),
      pay('alice', 'empty', 7n),
      pay('empty', 'bob', 7n),
      pay('bob', 'empty', 9n),
      pay('empty', 'hot', 9n),
      pay('hot', 'empty', 11n),
      pay('empty', 'alice', 11n),
    ]);
    const traffic = await latencies(10, () => other.transfers.post(pay('alice', 'bob')));
    expect(traffic).toHaveLength(10);
    expect(await postedOf(ledger, 'empty')).toBeLessThanOrEqual(5n);
    await client.query('commit');
    expect(codes(await call)).toEqual(Array(8).fill('ok'));
    await expectSound(ledger);
  });

  it('postMany goes on behind a request that was refused for waiting too long', async () => {
    const sitter = await sitOn('hot');
    // `world` is held too, so only alice and bob are free.
    const results = await ledger.transfers.postMany([pay('alice', 'bob'), pay('alice', 'hot'), pay('bob', 'alice')]);
    expect(codes(results)).toEqual(['ok', 'account_busy', 'ok']);
    await sitter.release();
  });
});

describe('a deadlock between a batch and a caller’s transaction', () => {
  // PostgreSQL ends whoever looks first, each after its own deadlock_timeout.
  it.each([
    ['the batch', 'a minute', '60s', { replayed: false }],
    ['the caller’s transaction', 'a moment', '20ms', refusal('transaction_conflict', { retryable: true })],
  ])(
    'a deadlock between a batch and a caller’s transaction costs neither its work when PostgreSQL ends %s (the caller looks after %s)',
    async (_, __, timeout, end) => {
      // Long enough for PostgreSQL to find the circle before the lane gives up.
      const patient = bed.ledger({ name: ledger.name, capacity: { lockTimeoutMs: 20_000 } });
      await patient.accounts.identify('alice');
      const [first, second] = await inOrderOfId('alice', 'bob');
      const caller = await bed.connect();
      await caller.query(`set deadlock_timeout = '${timeout}'`);
      await caller.query('begin');
      const { transfers } = ledger.within(fromPg(caller));
      await transfers.post(pay(second, 'world'));
      // The batch locks the first, and waits for the second.
      const batch = patient.transfers.post(pay(second, first, 1n, { idempotencyKey: 'batch' }));
      await bed.untilWaiting(1);
      const crossing = await transfers.post(pay(first, 'world')).catch((error: unknown) => error);
      expect(crossing).toMatchObject(end);
      await caller.query('commit');
      expect(await batch).toMatchObject({ replayed: false });
      await expectSound(ledger);
    },
  );

  async function inOrderOfId(one: string, other: string): Promise<readonly [string, string]> {
    const ids = [(await ledger.accounts.get(one)).id, (await ledger.accounts.get(other)).id];
    return (ids[0] ?? '') < (ids[1] ?? '') ? [one, other] : [other, one];
  }
});
