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

const pay = (amount: bigint, part: Partial<PostTransfer> = {}): PostTransfer => ({
  from: 'alice',
  to: 'bob',
  amount,
  currency: 'USD',
  ...part,
});

describe('post', () => {
  it('post answers with the transfer and both balances', async () => {
    const { id: alice } = await ledger.accounts.get('alice');
    const { id: bob } = await ledger.accounts.get('bob');
    const effectiveAt = new Date('2001-01-01T00:00:00.001Z');
    const request = pay(60n, { to: bob, description: 'Coffee', metadata: { order: 7 }, effectiveAt });
    expect(await ledger.transfers.post(request)).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      kind: 'transfer',
      groupId: null,
      from: alice,
      to: bob,
      amount: 60n,
      currency: 'USD',
      description: 'Coffee',
      metadata: { order: 7 },
      reference: null,
      recordedAt: expect.any(Date),
      effectiveAt,
      originalId: null,
      released: 0n,
      expiresAt: null,
      fromBalance: { posted: 40n, pendingIn: 0n, pendingOut: 0n, version: 2n },
      toBalance: { posted: 60n, pendingIn: 0n, pendingOut: 0n, version: 1n },
      replayed: false,
    });
  });

  it('post answers with what get reads afterwards', async () => {
    const { replayed, ...posted } = await ledger.transfers.post(
      pay(10n ** 2n, {
        description: 'Tab\t"quoted" \\ {braces},\nnull',
        metadata: { text: 'null', list: ['{"', '\\'] },
      }),
    );
    expect(replayed).toBe(false);
    expect(await ledger.transfers.get(posted.id)).toEqual(posted);
  });

  it('post was at the time it was recorded unless the caller says otherwise', async () => {
    const { recordedAt, effectiveAt } = await ledger.transfers.post(pay(1n));
    expect(effectiveAt).toEqual(recordedAt);
    expect(Math.abs(Date.now() - recordedAt.getTime())).toBeLessThan(60_000);
  });

  it('post takes the request as it was when the call was made', async () => {
    const request = { ...pay(1n), metadata: { order: 1 } };
    const posting = ledger.transfers.post(request);
    request.amount = -5n;
    request.to = 'world';
    request.metadata.order = 2;
    expect(await posting).toMatchObject({ amount: 1n, metadata: { order: 1 } });
    expect(await postedOf(ledger, 'bob')).toBe(1n);
  });

  it.each([[{ a: 1e-21, b: -1.5e-7, c: '🙂', d: { e: [] } }], [{}], [{ constructor: 1, '': 2 }]])(
    'post keeps metadata %j',
    async (metadata) => {
      const { id } = await ledger.transfers.post(pay(1n, { metadata }));
      expect((await ledger.transfers.get(id)).metadata).toEqual(metadata);
    },
  );

  it.each([1e-300, -1.5e-7, 0.1, 5e-324, 7])(
    'post keeps as many %j in metadata as can be read back in little more than 8 KiB',
    async (number) => {
      const accepts = async (count: number) => {
        const metadata = { a: Array<number>(count).fill(number) };
        return ledger.transfers.post(pay(1n, { metadata })).catch(() => undefined);
      };
      let [kept, refused] = [0, 8 * 1024];
      while (refused - kept > 1) {
        const count = Math.floor((kept + refused) / 2);
        if (await accepts(count)) kept = count;
        else refused = count;
      }
      const transfer = await accepts(kept);
      const sql = `select length(metadata::text) as length from micropay.transfers where id = $1`;
      const [row] = await bed.sql<{ length: number }>(sql, [transfer?.id]);
      // A space behind each comma is all that PostgreSQL adds.
      expect(row?.length).toBeLessThanOrEqual(8 * 1024 + kept + 1);
      expect(row?.length).toBeGreaterThan(7 * 1024);
    },
  );

  it('post moves 38 digits, and not one more', async () => {
    const largest = 10n ** 38n - 1n;
    await ledger.accounts.open({ address: 'nostro', currency: 'USD', type: 'asset', minimum: null });
    await ledger.accounts.open({ address: 'vault', currency: 'USD' });
    const deposit = pay(largest, { from: 'nostro', to: 'vault' });
    expect(await ledger.transfers.post(deposit)).toMatchObject({ toBalance: { posted: largest } });
    await expect(ledger.transfers.post(pay(1n, { from: 'nostro', to: 'bob' }))).rejects.toEqual(
      refusal('balance_overflow'),
    );
    await expectSound(ledger);
  });

  it('post refuses what is not found in words of the caller', async () => {
    await expect(ledger.transfers.post(pay(1n, { to: 'nobody' }))).rejects.toEqual(
      refusal('account_not_found', { details: { side: 'to', account: 'nobody' } }),
    );
  });
});

describe('postMany', () => {
  it('postMany applies transfers in order, and a refused one does not affect the others', async () => {
    const results = await ledger.transfers.postMany([
      pay(60n),
      pay(60n),
      pay(0n),
      pay(5n, { from: 'bob', to: 'alice' }),
      pay(1n, { to: 'nobody' }),
      pay(45n),
    ]);
    expect(results.map((result) => (result.ok ? result.transfer.fromBalance.posted : result.error.code))).toEqual([
      40n,
      'insufficient_funds',
      'invalid_amount',
      55n,
      'account_not_found',
      0n,
    ]);
    await expectSound(ledger);
  });

  it('postMany keeps its order when it is longer than a batch, on one lane and on four', async () => {
    for (const lanes of [1, 4]) {
      const small = bed.ledger({ name: ledger.name, capacity: { batchSizeMax: 3, lanes } });
      const thereAndBack = Array.from({ length: 30 }, (_, index) =>
        index % 2 === 0 ? pay(100n) : pay(100n, { from: 'bob', to: 'alice' }),
      );
      const results = await small.transfers.postMany(thereAndBack);
      expect(results.filter(({ ok }) => !ok)).toEqual([]);
    }
  });

  it('postMany takes more requests than the queue holds', async () => {
    const small = bed.ledger({ name: ledger.name, capacity: { queueMax: 1_000 } });
    const results = await small.transfers.postMany(Array.from({ length: 2_500 }, () => pay(1n, { from: 'world' })));
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
    expect(await postedOf(ledger, 'bob')).toBe(2_500n);
  });

  it('postMany of nothing is nothing', async () => {
    expect(await ledger.transfers.postMany([])).toEqual([]);
  });
});

describe('postLinked', () => {
  const leg = (from: string, to: string, amount: bigint): TransferLeg => ({ from, to, amount, currency: 'USD' });

  it('postLinked posts all legs, each on what the legs before it left', async () => {
    const transfers = await ledger.transfers.postLinked([leg('alice', 'bob', 100n), leg('bob', 'alice', 30n)]);
    expect(transfers.map(({ fromBalance, toBalance }) => [fromBalance.posted, toBalance.posted])).toEqual([
      [0n, 100n],
      [70n, 30n],
    ]);
    expect(transfers.map(({ groupId }) => groupId)).toEqual([transfers[0]?.id, transfers[0]?.id]);
  });

  it('postLinked posts none when one is refused, and says which', async () => {
    const before = await ledger.accounts.get('alice');
    const refused = ledger.transfers.postLinked([leg('alice', 'bob', 60n), leg('alice', 'bob', 41n)]);
    await expect(refused).rejects.toEqual(
      refusal('insufficient_funds', { details: expect.objectContaining({ leg: 1 }) }),
    );
    expect(await ledger.accounts.get('alice')).toEqual(before);
    expect((await ledger.accounts.entries('bob')).data).toEqual([]);
  });

  it('postLinked posts legs of different currencies', async () => {
    for (const address of ['exchange:usd', 'exchange:eur', 'alice:eur']) {
      const currency = address.endsWith('usd') ? 'USD' : 'EUR';
      await ledger.accounts.open({ address, currency, minimum: null });
    }
    await ledger.transfers.postLinked([
      leg('alice', 'exchange:usd', 100n),
      { from: 'exchange:eur', to: 'alice:eur', amount: 92n, currency: 'EUR' },
    ]);
    expect((await ledger.trialBalance()).totals).toEqual([
      { currency: 'EUR', debits: 92n, credits: 92n },
      { currency: 'USD', debits: 200n, credits: 200n },
    ]);
  });

  it('postLinked takes up to 100 legs', async () => {
    const legs = Array.from({ length: 101 }, () => leg('world', 'bob', 1n));
    expect(await ledger.transfers.postLinked(legs.slice(1))).toHaveLength(100);
    await expect(ledger.transfers.postLinked(legs)).rejects.toEqual(refusal('too_many_legs'));
    await expect(ledger.transfers.postLinked([])).rejects.toEqual(refusal('too_many_legs'));
  });

  it.each<[string, () => readonly TransferLeg[], string, Record<string, unknown>]>([
    ['a bad amount in a leg', () => [leg('alice', 'bob', 1n), leg('alice', 'bob', 0n)], 'invalid_amount', { leg: 1 }],
    [
      'a key on a leg',
      () => [{ ...leg('alice', 'bob', 1n), idempotencyKey: 'k' } as TransferLeg],
      'invalid_request',
      {},
    ],
    ['a scope on a leg', () => [{ ...leg('alice', 'bob', 1n), scope: 's' } as TransferLeg], 'invalid_request', {}],
    ['a bad amount before too many legs', () => Array(101).fill(leg('alice', 'bob', 0n)), 'invalid_amount', { leg: 0 }],
    ['what is no list', () => 'legs' as unknown as TransferLeg[], 'invalid_request', {}],
  ])('postLinked refuses %s', async (_, legs, code, details) => {
    await expect(ledger.transfers.postLinked(legs())).rejects.toEqual(
      refusal(code, { details: expect.objectContaining(details) }),
    );
  });

  it('postLinked refuses the same id on two legs', async () => {
    const id = '0190b7c4-0000-7000-8000-000000000001';
    const legs = [
      { ...leg('alice', 'bob', 1n), id },
      { ...leg('alice', 'bob', 1n), id },
    ];
    await expect(ledger.transfers.postLinked(legs)).rejects.toEqual(refusal('invalid_request'));
  });

  it('postLinked refuses a malformed key before it looks at the legs', async () => {
    const refused = ledger.transfers.postLinked([leg('alice', 'bob', 0n)], { idempotencyKey: '' });
    await expect(refused).rejects.toEqual(refusal('invalid_request'));
  });
});

describe('get', () => {
  it.each(['0190b7c4-0000-7000-8000-00000000ffff', 'transfer-1', '\u0000'])(
    'get finds no transfer called %j',
    async (id) => {
      await expect(ledger.transfers.get(id)).rejects.toEqual(refusal('transfer_not_found'));
    },
  );

  it('get finds no transfer of another ledger', async () => {
    const { id } = await ledger.transfers.post(pay(1n));
    const other = ledger.inLedger(`${ledger.name}-other`);
    await expect(other.transfers.get(id)).rejects.toEqual(refusal('transfer_not_found'));
  });
});
