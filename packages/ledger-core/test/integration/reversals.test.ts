import type { Ledger } from '@micropay/ledger-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { letExpire } from '../support/due.js';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;
let books = 0;

beforeEach(async () => {
  books += 1;
  ledger = bed.ledger({ name: `book-${books}` });
  await openWallets(ledger, { alice: 100n, bob: 0n, carol: 0n });
});

const pay = (amount: bigint, from = 'alice', to = 'bob') =>
  ledger.transfers.post({ from, to, amount, currency: 'USD' });

describe('a reversal', () => {
  it('a reversal is a transfer the other way, linked to the first', async () => {
    const paid = await pay(30n);
    const reversal = await ledger.transfers.reverse(paid.id, { description: 'returned', metadata: { case: 1 } });
    expect(reversal).toMatchObject({
      kind: 'reversal',
      from: paid.to,
      to: paid.from,
      amount: 30n,
      originalId: paid.id,
      description: 'returned',
      metadata: { case: 1 },
    });
    expect([await postedOf(ledger, 'alice'), await postedOf(ledger, 'bob')]).toEqual([100n, 0n]);
    const { replayed: _, ...stored } = reversal;
    expect(await ledger.transfers.reversals(paid.id)).toEqual({ data: [stored], nextCursor: null });
    await expectSound(ledger);
  });

  it('a reversal in parts never sums above the original', async () => {
    const { id } = await pay(30n);
    await ledger.transfers.reverse(id, { amount: 10n });
    await expect(ledger.transfers.reverse(id, { amount: 21n })).rejects.toEqual(
      refusal('reversal_exceeds_transfer', { details: { transferId: id, left: '20' } }),
    );
    expect((await ledger.transfers.reverse(id)).amount).toBe(20n);
    await expect(ledger.transfers.reverse(id)).rejects.toEqual(refusal('reversal_exceeds_transfer'));
    await expect(ledger.transfers.reverse(id, { amount: 1n })).rejects.toEqual(refusal('reversal_exceeds_transfer'));
  });

  it('a reversal is listed with the others of its transfer, page by page', async () => {
    const { id } = await pay(30n);
    const parts = [];
    for (let amount = 1n; amount <= 3n; amount += 1n) parts.push(await ledger.transfers.reverse(id, { amount }));
    const first = await ledger.transfers.reversals(id, { limit: 2 });
    const rest = await ledger.transfers.reversals(id, { limit: 2, cursor: first.nextCursor ?? '' });
    expect([...first.data, ...rest.data].map((reversal) => reversal.id)).toEqual(parts.map((part) => part.id));
    expect([first.data.length, rest.nextCursor]).toEqual([2, null]);
    await expect(ledger.transfers.reversals(id, { cursor: 'x' })).rejects.toEqual(refusal('invalid_cursor'));
    await expect(ledger.transfers.reversals(id, { limit: 0 })).rejects.toEqual(refusal('invalid_request'));
  });

  it('concurrent reversals from several engines never sum to more than the transfer', async () => {
    const { id } = await pay(30n);
    const engines = [ledger, ...Array.from({ length: 3 }, () => bed.ledger({ name: ledger.name }))];
    const attempts = Array.from({ length: 24 }, (_, index) =>
      (engines[index % engines.length] as Ledger).transfers.reverse(id, { amount: 4n }),
    );
    const settled = await Promise.allSettled(attempts);
    expect(settled.filter(({ status }) => status === 'fulfilled').length).toBe(7);
    expect(await postedOf(ledger, 'bob')).toBe(2n);
    await expectSound(ledger);
  });

  it('a reversal with a key happens once', async () => {
    const { id } = await pay(30n);
    const once = await ledger.transfers.reverse(id, { idempotencyKey: 'r' });
    expect(await ledger.transfers.reverse(id, { idempotencyKey: 'r' })).toEqual({ ...once, replayed: true });
  });

  it('a reversal refuses accounts beside the transfer, whose accounts are meant', async () => {
    const request = { from: 'alice', to: 'carol', amount: 10n, currency: 'USD' };
    const { id } = await pay(30n);
    const refused = refusal('invalid_request', { message: expect.stringContaining('unknown fields: "from", "to"') });
    await expect(ledger.transfers.reverse(id, request)).rejects.toEqual(refused);
    const leg = { ...request, kind: 'reversal' as const, transfer: id };
    await expect(ledger.transfers.postLinked([leg])).rejects.toEqual(
      refusal('invalid_request', { details: { field: 'legs.0', leg: 0 } }),
    );
    expect([await postedOf(ledger, 'bob'), await postedOf(ledger, 'carol')]).toEqual([30n, 0n]);
    await expectSound(ledger);
  });

  it('a reversal of a capture goes back to the payer', async () => {
    const { id } = await ledger.holds.place({ from: 'alice', to: 'bob', amount: 30n, currency: 'USD' });
    const captured = await ledger.holds.capture(id, { amount: 20n, final: true });
    await ledger.transfers.reverse(captured.id, { amount: 5n });
    expect(await postedOf(ledger, 'bob')).toBe(15n);
    await expect(ledger.transfers.reverse(id)).rejects.toEqual(refusal('not_reversible'));
  });

  it('a reversal of a reversal is refused, and so is one of nothing', async () => {
    const reversal = await ledger.transfers.reverse((await pay(30n)).id);
    await expect(ledger.transfers.reverse(reversal.id)).rejects.toEqual(refusal('not_reversible'));
    for (const id of ['0190b7c4-0000-7000-8000-000000000001', 'x']) {
      await expect(ledger.transfers.reverse(id)).rejects.toEqual(refusal('transfer_not_found'));
    }
    await expect(ledger.inLedger('elsewhere').transfers.reverse(reversal.id)).rejects.toEqual(
      refusal('transfer_not_found'),
    );
  });

  it.each(['alice', 'bob'])('a reversal is refused while %s is frozen', async (address) => {
    const { id } = await pay(30n);
    await ledger.accounts.freeze(address);
    await expect(ledger.transfers.reverse(id)).rejects.toEqual(refusal('account_frozen'));
  });
});

describe('a reversal of money that is no longer there', () => {
  it('a reversal of money that is no longer there is refused, unless an operator lowers the minimum with it', async () => {
    const { id } = await pay(30n);
    await pay(25n, 'bob', 'carol');
    await expect(ledger.transfers.reverse(id)).rejects.toEqual(refusal('insufficient_funds'));
    const { id: reversal } = await ledger.transfers.reverse(id, {
      allowOverdraft: { by: 'operator:7', reason: 'chargeback' },
    });
    expect(await ledger.accounts.get('bob')).toMatchObject({ posted: -25n, minimum: -25n, available: 0n });
    const delivered = await bed.sql<{ data: unknown }>(
      `select e.data from micropay.events e join micropay.ledgers l on l.id = e.ledger
       where l.name = $1 and e.type = 'account.limits_changed.v1'`,
      [ledger.name],
    );
    expect(delivered.map(({ data }) => data)).toEqual([
      {
        address: 'bob',
        minimum: '-25',
        maximum: null,
        minimumBefore: '0',
        maximumBefore: null,
        transferId: reversal,
        by: 'operator:7',
        reason: 'chargeback',
      },
    ]);
    await expectSound(ledger);
  });

  it('a reversal of money that is no longer there says which minimum it lowers before it does so, in its answer and in each repetition, and never raises it again', async () => {
    const { id } = await pay(30n);
    await pay(25n, 'bob', 'carol');
    const { id: accountId } = await ledger.accounts.get('bob');
    const loweredMinimums = [{ accountId, minimumBefore: 0n, minimum: -25n }];
    const allowed = { allowOverdraft: { by: 'operator:7' } };
    expect(await ledger.transfers.reverse(id, { ...allowed, dryRun: true })).toMatchObject({ loweredMinimums });
    expect(await ledger.accounts.get('bob')).toMatchObject({ minimum: 0n });
    const once = await ledger.transfers.reverse(id, { ...allowed, idempotencyKey: 'o' });
    expect(once).toMatchObject({ loweredMinimums, replayed: false });
    const again = await bed.ledger({ name: ledger.name }).transfers.reverse(id, { ...allowed, idempotencyKey: 'o' });
    expect(again).toEqual({ ...once, replayed: true });

    await pay(25n, 'carol', 'bob');
    expect(await ledger.accounts.get('bob')).toMatchObject({ posted: 0n, minimum: -25n, available: 25n });
    expect(await ledger.accounts.setLimits('bob', { minimum: 0n })).toMatchObject({ minimum: 0n, available: 0n });
    await expectSound(ledger);
  });

  it('a reversal of money that is no longer there says so of each leg of a group that is taken back, and nothing where nothing was lowered', async () => {
    const paid = await ledger.transfers.postLinked([{ from: 'alice', to: 'carol', amount: 5n, currency: 'USD' }]);
    await pay(5n, 'carol', 'alice');
    const options = { allowOverdraft: {}, idempotencyKey: 'g' };
    const [reversal] = await ledger.transfers.reverseLinked(paid[0]?.groupId ?? '', options);
    expect(reversal?.loweredMinimums).toMatchObject([{ minimumBefore: 0n, minimum: -5n }]);
    const [again] = await ledger.transfers.reverseLinked(paid[0]?.groupId ?? '', options);
    expect(again).toEqual({ ...reversal, replayed: true });
    expect(await ledger.transfers.reverse((await pay(1n)).id, { allowOverdraft: {} })).not.toHaveProperty(
      'loweredMinimums',
    );
  });

  it('a reversal lowers no minimum when it is not needed, and none when the group is refused', async () => {
    const { id } = await pay(30n);
    await ledger.transfers.reverse(id, { amount: 10n, allowOverdraft: { by: 'operator:7' } });
    await pay(15n, 'bob', 'carol');
    const legs = [
      { kind: 'reversal' as const, transfer: id, allowOverdraft: { by: 'operator:7' } },
      { from: 'carol', to: 'bob', amount: 1_000n, currency: 'USD' },
    ];
    await expect(ledger.transfers.postLinked(legs)).rejects.toEqual(refusal('insufficient_funds'));
    expect(await ledger.accounts.get('bob')).toMatchObject({ posted: 5n, minimum: 0n });
    expect((await ledger.transfers.reversals(id)).data.length).toBe(1);
  });

  it.each([false, true])('a reversal lowers no minimum for a hold that is due (dry run: %s)', async (dryRun) => {
    const { id } = await pay(30n);
    const hold = { from: 'bob', to: 'carol', amount: 20n, currency: 'USD' };
    const held = await ledger.holds.place({ ...hold, expiresAt: new Date(Date.now() + 3_600_000) });
    await letExpire(bed, held.id);
    await ledger.transfers.reverse(id, { allowOverdraft: { by: 'operator:7' }, dryRun });
    expect(await ledger.accounts.get('bob')).toMatchObject({ minimum: 0n, pendingOut: 0n });
    expect((await ledger.holds.get(held.id)).state).toBe('expired');
  });

  it('a reversal lowers a minimum twice in one batch, each time with its event', async () => {
    const paid = [await pay(30n), await pay(20n)];
    await pay(50n, 'bob', 'carol');
    await Promise.all(paid.map(({ id }) => ledger.transfers.reverse(id, { allowOverdraft: {} })));
    expect(await ledger.accounts.get('bob')).toMatchObject({ posted: -50n, minimum: -50n });
    await expectSound(ledger);
  });
});

describe('a linked group', () => {
  const group = () =>
    ledger.transfers.postLinked([
      { from: 'alice', to: 'bob', amount: 40n, currency: 'USD' },
      { from: 'bob', to: 'carol', amount: 15n, currency: 'USD' },
    ]);

  it('a linked group is taken back as a whole, last leg first', async () => {
    const legs = await group();
    const reversals = await ledger.transfers.reverseLinked(legs[0]?.id ?? '', { idempotencyKey: 'all' });
    expect(reversals.map(({ originalId }) => originalId)).toEqual([legs[1]?.id, legs[0]?.id]);
    expect(new Set(reversals.map(({ groupId }) => groupId)).size).toBe(1);
    expect([await postedOf(ledger, 'alice'), await postedOf(ledger, 'bob')]).toEqual([100n, 0n]);
    expect((await ledger.transfers.getLinked(legs[0]?.id ?? '')).map(({ id }) => id)).toEqual(legs.map(({ id }) => id));
    const again = await ledger.transfers.reverseLinked(legs[0]?.id ?? '', { idempotencyKey: 'all' });
    expect(again).toEqual(reversals.map((reversal) => ({ ...reversal, replayed: true })));
  });

  it('a linked group is taken back by part, and then not as a whole', async () => {
    const legs = await group();
    await ledger.transfers.reverse(legs[1]?.id ?? '');
    await expect(ledger.transfers.reverseLinked(legs[0]?.id ?? '')).rejects.toEqual(
      refusal('reversal_exceeds_transfer'),
    );
    await ledger.transfers.reverse(legs[0]?.id ?? '');
    await expectSound(ledger);
  });

  it.each([
    ['amount', { amount: 1n }],
    ['id', { id: '0190b7c4-0000-7000-8000-000000000077' }],
  ])('a linked group takes no %s, which is for one leg', async (_, more) => {
    const legs = await group();
    const reversed = ledger.transfers.reverseLinked(legs[0]?.id ?? '', { description: 'refund', ...more });
    await expect(reversed).rejects.toEqual(refusal('invalid_request'));
    expect(await postedOf(ledger, 'carol')).toBe(15n);
  });

  it('a linked group that there is none of is not found', async () => {
    const { id } = await pay(1n);
    await expect(ledger.transfers.reverseLinked(id)).rejects.toEqual(refusal('transfer_not_found'));
    await expect(ledger.transfers.getLinked(id)).rejects.toEqual(refusal('transfer_not_found'));
  });
});
