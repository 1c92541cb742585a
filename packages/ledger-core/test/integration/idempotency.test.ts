import type { Ledger, PostTransfer, TransferLeg } from '@micropay/ledger-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let engine: Ledger | undefined;
let ledger: Ledger;
let books = 0;

beforeEach(async () => {
  engine ??= bed.ledger();
  books += 1;
  ledger = engine.inLedger(`book-${books}`);
  await openWallets(ledger, { alice: 100n, bob: 0n });
});

const uuid = (number: number) => `0190b7c4-0000-7000-8000-${String(number).padStart(12, '0')}`;
const pay: PostTransfer = { from: 'alice', to: 'bob', amount: 60n, currency: 'USD', idempotencyKey: 'k' };
const legs: readonly TransferLeg[] = [
  { from: 'alice', to: 'bob', amount: 60n, currency: 'USD' },
  { from: 'bob', to: 'world', amount: 1n, currency: 'USD', metadata: { fee: true } },
];

/** The same ledger after the process was started again. */
function restarted(): Ledger {
  return bed.ledger({ name: ledger.name });
}

describe('a key', () => {
  it('a key answers the second time with the first result, and moves nothing', async () => {
    const first = await ledger.transfers.post({ ...pay, description: 'Coffee', metadata: { b: 1, a: [2] } });
    const second = await ledger.transfers.post({ ...pay, description: 'Coffee', metadata: { a: [2], b: 1 } });
    expect(second).toEqual({ ...first, replayed: true });
    expect(await postedOf(ledger, 'bob')).toBe(60n);
  });

  it('a key answers so after a restart, and although the payment would now be refused', async () => {
    const first = await ledger.transfers.post(pay);
    await ledger.accounts.freeze('alice');
    const after = restarted();
    expect(await after.transfers.post(pay)).toEqual({ ...first, replayed: true });
    await expect(after.transfers.post({ ...pay, idempotencyKey: 'another' })).rejects.toEqual(
      refusal('account_frozen'),
    );
  });

  it('a key answers so although the payer could not pay again', async () => {
    const first = await ledger.transfers.post(pay);
    await expect(ledger.transfers.post({ ...pay, idempotencyKey: 'l' })).rejects.toEqual(refusal('insufficient_funds'));
    expect(await ledger.transfers.post(pay)).toEqual({ ...first, replayed: true });
  });

  it.each<[string, Partial<PostTransfer>]>([
    ['another amount', { amount: 61n }],
    ['another recipient', { to: 'world' }],
    ['a recipient that does not exist', { to: 'nobody' }],
    ['another currency', { currency: 'EUR' }],
    ['a description', { description: 'Coffee' }],
    ['metadata', { metadata: {} }],
    ['an id', { id: uuid(1) }],
    ['a time', { effectiveAt: new Date(0) }],
  ])('a key of another request is reused: %s', async (_, part) => {
    await ledger.transfers.post(pay);
    const refused = ledger.transfers.post({ ...pay, ...part });
    await expect(refused).rejects.toEqual(refusal('idempotency_key_reused', { retryable: false }));
    await expect(restarted().transfers.post({ ...pay, ...part })).rejects.toEqual(refusal('idempotency_key_reused'));
  });

  it('a key names a request as it was written: the id of the same account is another request', async () => {
    await ledger.transfers.post(pay);
    const { id } = await ledger.accounts.get('bob');
    await expect(ledger.transfers.post({ ...pay, to: id })).rejects.toEqual(refusal('idempotency_key_reused'));
  });

  it('a key is used up by nothing but a posted transfer', async () => {
    await expect(ledger.transfers.post({ ...pay, amount: 101n })).rejects.toEqual(refusal('insufficient_funds'));
    expect(await ledger.transfers.post(pay)).toMatchObject({ replayed: false });
  });

  it('a key of another scope is another key', async () => {
    const amounts = [1n, 2n, 3n];
    const scopes = [undefined, 'alice', 'bob'];
    for (const [index, amount] of amounts.entries()) {
      const scope = scopes[index];
      const request = { ...pay, amount, ...(scope === undefined ? {} : { scope }) };
      expect(await ledger.transfers.post(request)).toMatchObject({ replayed: false });
    }
    await expect(ledger.transfers.post({ ...pay, scope: 'bob' })).rejects.toEqual(refusal('idempotency_key_reused'));
    expect(await postedOf(ledger, 'bob')).toBe(6n);
  });

  it('a key of another ledger is another key', async () => {
    await ledger.transfers.post(pay);
    const other = ledger.inLedger(`${ledger.name}-other`);
    await openWallets(other, { alice: 100n, bob: 0n });
    expect(await other.transfers.post({ ...pay, amount: 5n })).toMatchObject({ replayed: false, amount: 5n });
  });

  it('a key is the same key with a missing and with an empty scope', async () => {
    await ledger.transfers.post(pay);
    expect(await ledger.transfers.post({ ...pay, scope: '' })).toMatchObject({ replayed: true });
  });

  it('a key that is used twice in one call has the first result twice', async () => {
    const other = { ...pay, amount: 1n };
    const results = await ledger.transfers.postMany([pay, pay, other]);
    expect(results[1]).toEqual({ ok: true, transfer: { ...(results[0]?.ok && results[0].transfer), replayed: true } });
    expect(results[2]).toEqual({ ok: false, error: refusal('idempotency_key_reused') });
    await expectSound(ledger);
  });

  it('a key has one winner among calls that arrive together', async () => {
    const calls = Array.from({ length: 50 }, () => ledger.transfers.post(pay));
    const transfers = await Promise.all(calls);
    expect(transfers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(transfers.map(({ id }) => id)).size).toBe(1);
  });
});

describe('an id of the caller’s', () => {
  const given: PostTransfer = { from: 'alice', to: 'bob', amount: 60n, currency: 'USD', id: uuid(7) };

  it('an id of the caller’s is the transfer’s id, and answers the second time with the first result', async () => {
    const first = await ledger.transfers.post(given);
    expect(first.id).toBe(given.id);
    expect(await restarted().transfers.post(given)).toEqual({ ...first, replayed: true });
  });

  it('an id of the caller’s of another request is reused', async () => {
    await ledger.transfers.post(given);
    await expect(ledger.transfers.post({ ...given, amount: 1n })).rejects.toEqual(refusal('transfer_id_reused'));
  });

  it('an id of the caller’s that the engine gave to another transfer is reused', async () => {
    const { id } = await ledger.transfers.post({ from: 'alice', to: 'bob', amount: 60n, currency: 'USD' });
    await expect(ledger.transfers.post({ ...given, id })).rejects.toEqual(refusal('transfer_id_reused'));
  });

  it('an id of the caller’s may be used once in every ledger', async () => {
    await ledger.transfers.post(given);
    const other = ledger.inLedger(`${ledger.name}-other`);
    await openWallets(other, { alice: 100n, bob: 0n });
    expect(await other.transfers.post(given)).toMatchObject({ id: given.id, replayed: false });
  });
});

describe('a linked group', () => {
  it('a linked group answers the second time with all its transfers, in order', async () => {
    const first = await ledger.transfers.postLinked(legs, { idempotencyKey: 'g' });
    const second = await restarted().transfers.postLinked(legs, { idempotencyKey: 'g' });
    expect(second).toEqual(first.map((transfer) => ({ ...transfer, replayed: true })));
    expect(second.map(({ groupId }) => groupId)).toEqual([first[0]?.id, first[0]?.id]);
  });

  it('a linked group answers so although it would now be refused', async () => {
    await ledger.transfers.postLinked(legs, { idempotencyKey: 'g' });
    await ledger.accounts.freeze('alice');
    expect(await ledger.transfers.postLinked(legs, { idempotencyKey: 'g' })).toMatchObject([
      { replayed: true },
      { replayed: true },
    ]);
  });

  it.each<[string, readonly TransferLeg[]]>([
    ['its legs the other way round', legs.toReversed()],
    ['its first leg alone', legs.slice(0, 1)],
    ['one leg more', [...legs, ...legs.slice(0, 1)]],
  ])('a linked group is another request with %s', async (_, others) => {
    await ledger.transfers.postLinked(legs, { idempotencyKey: 'g' });
    await expect(ledger.transfers.postLinked(others, { idempotencyKey: 'g' })).rejects.toEqual(
      refusal('idempotency_key_reused'),
    );
  });

  it('a linked group of one leg and a transfer of its own are different requests', async () => {
    const single: TransferLeg = { from: 'alice', to: 'bob', amount: 60n, currency: 'USD' };
    await ledger.transfers.postLinked([single], { idempotencyKey: 'k' });
    await expect(ledger.transfers.post(pay)).rejects.toEqual(refusal('idempotency_key_reused'));
  });

  it('a linked group is found by the id of any of its legs', async () => {
    const given = legs.map((leg, index) => ({ ...leg, id: uuid(20 + index) }));
    const first = await ledger.transfers.postLinked(given);
    expect(await restarted().transfers.postLinked(given)).toEqual(first.map((one) => ({ ...one, replayed: true })));
    const second = { ...given[1], idempotencyKey: 'other' } as PostTransfer;
    await expect(ledger.transfers.post(second)).rejects.toEqual(refusal('transfer_id_reused'));
  });
});

describe('what is stored', () => {
  it('what is stored is a digest: neither key nor scope is in the journal', async () => {
    const [scope, idempotencyKey] = ['somebody@example.com', 'a key that names a person'];
    await ledger.transfers.post({ ...pay, scope, idempotencyKey });
    const rows = await bed.sql<{ row: string }>('select t::text as row from micropay.transfers t');
    expect(rows.filter(({ row }) => row.includes(scope) || row.includes(idempotencyKey))).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
  });
});
