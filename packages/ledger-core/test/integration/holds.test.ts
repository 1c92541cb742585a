import type { Ledger } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { letExpire } from '../support/due.js';
import { expectSound, openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;
let books = 0;

beforeEach(async () => {
  books += 1;
  ledger = bed.ledger({ name: `book-${books}` });
  await openWallets(ledger, { alice: 100n, bob: 0n, carol: 0n });
});

const hold = (amount: bigint, more: { from?: string; to?: string; expiresAt?: Date; id?: string } = {}) =>
  ledger.holds.place({ from: 'alice', to: 'bob', amount, currency: 'USD', ...more });
const pay = (amount: bigint, from = 'alice', to = 'bob') =>
  ledger.transfers.post({ from, to, amount, currency: 'USD' });
const inAnHour = () => new Date(Date.now() + 3_600_000);

async function shown(address: string) {
  const { posted, pendingIn, pendingOut, available } = await ledger.accounts.get(address);
  return { posted, pendingIn, pendingOut, available };
}

describe('a hold', () => {
  it('a hold is pending on both sides and no longer available', async () => {
    const expiresAt = inAnHour();
    const placed = await hold(30n, { expiresAt });
    expect(placed).toMatchObject({
      amount: 30n,
      captured: 0n,
      remaining: 30n,
      state: 'open',
      expiresAt,
      replayed: false,
    });
    expect(await shown('alice')).toEqual({ posted: 100n, pendingIn: 0n, pendingOut: 30n, available: 70n });
    expect(await shown('bob')).toEqual({ posted: 0n, pendingIn: 30n, pendingOut: 0n, available: 0n });
    const { replayed: _, ...rest } = placed;
    expect(await ledger.holds.get(placed.id)).toEqual(rest);
    await expectSound(ledger);
  });

  it('a hold is never above the balance, alone or with others', async () => {
    await expect(hold(101n)).rejects.toEqual(refusal('insufficient_funds'));
    await hold(60n);
    await expect(hold(41n)).rejects.toEqual(refusal('insufficient_funds'));
    await expect(pay(41n)).rejects.toEqual(refusal('insufficient_funds'));
    await hold(40n);
    expect((await shown('alice')).available).toBe(0n);
  });

  it('a hold that is refused leaves nothing behind', async () => {
    const before = await shown('alice');
    await expect(hold(101n)).rejects.toEqual(refusal('insufficient_funds'));
    expect(await shown('alice')).toEqual(before);
    expect((await ledger.holds.list('alice')).data).toEqual([]);
    expect(
      await bed.sql(
        'select count(*)::int from micropay.holds h join micropay.ledgers l on l.id = h.ledger where l.name = $1',
        [ledger.name],
      ),
    ).toEqual([{ count: 0 }]);
  });

  it('a hold cannot be spent by the payee before it is captured', async () => {
    const { id } = await hold(50n);
    await expect(pay(1n, 'bob', 'carol')).rejects.toEqual(refusal('insufficient_funds'));
    await ledger.holds.capture(id);
    await pay(50n, 'bob', 'carol');
  });

  it('a hold counts against the maximum of the payee from the start', async () => {
    await ledger.accounts.setLimits('bob', { maximum: 50n });
    const { id } = await hold(50n);
    await expect(pay(1n)).rejects.toEqual(refusal('maximum_exceeded'));
    await expect(hold(1n)).rejects.toEqual(refusal('maximum_exceeded'));
    await ledger.holds.capture(id, { amount: 20n, final: true });
    await pay(30n);
    await expect(pay(1n)).rejects.toEqual(refusal('maximum_exceeded'));
  });

  it.each([
    ['a frozen payer', 'alice', 'account_frozen'],
    ['a frozen payee', 'bob', 'account_frozen'],
  ])('a hold is refused from or to %s', async (_, address, code) => {
    await ledger.accounts.freeze(address);
    await expect(hold(1n)).rejects.toEqual(refusal(code));
  });

  it('a hold keeps an account from being closed, until it is due', async () => {
    await ledger.accounts.open({ address: 'dora', currency: 'USD', minimum: null });
    const { id } = await ledger.holds.place({
      from: 'dora',
      to: 'bob',
      amount: 5n,
      currency: 'USD',
      expiresAt: inAnHour(),
    });
    await expect(ledger.accounts.close('dora')).rejects.toEqual(refusal('account_not_empty'));
    await letExpire(bed, id);
    expect((await ledger.accounts.close('dora')).status).toBe('closed');
    expect((await ledger.holds.get(id)).state).toBe('expired');
  });

  it.each([
    ['an amount of nothing', { amount: 0n }, 'invalid_amount'],
    ['no currency', { currency: 7 }, 'invalid_request'],
    ['a time that is none', { expiresAt: 'soon' }, 'invalid_request'],
    ['an instant at which it counts', { effectiveAt: new Date() }, 'invalid_request'],
    ['a time that is over', { expiresAt: new Date(Date.now() - 1) }, 'expiry_in_past'],
  ])('a hold is refused with %s', async (_, part, code) => {
    const request = { from: 'alice', to: 'bob', amount: 1n, currency: 'USD', ...part };
    await expect(ledger.holds.place(request as never)).rejects.toEqual(refusal(code));
  });
});

describe('a capture', () => {
  it('captures in parts never sum to more than the hold', async () => {
    const { id } = await hold(50n);
    const first = await ledger.holds.capture(id, { amount: 20n });
    expect(first).toMatchObject({ kind: 'capture', amount: 20n, released: 0n, originalId: id });
    await expect(ledger.holds.capture(id, { amount: 31n })).rejects.toEqual(
      refusal('capture_exceeds_hold', { details: { holdId: id, remaining: '30' } }),
    );
    await ledger.holds.capture(id, { amount: 30n });
    await expect(ledger.holds.capture(id, { amount: 1n })).rejects.toEqual(
      refusal('hold_closed', { details: { holdId: id, state: 'captured' } }),
    );
    expect(await shown('alice')).toEqual({ posted: 50n, pendingIn: 0n, pendingOut: 0n, available: 50n });
    expect((await shown('bob')).posted).toBe(50n);
    await expectSound(ledger);
  });

  it('a capture gives the rest back when it is final', async () => {
    const { id } = await hold(50n);
    expect(await ledger.holds.capture(id, { amount: 20n, final: true })).toMatchObject({ amount: 20n, released: 30n });
    expect(await shown('alice')).toEqual({ posted: 80n, pendingIn: 0n, pendingOut: 0n, available: 80n });
    expect(await ledger.holds.get(id)).toMatchObject({ state: 'captured', captured: 20n, remaining: 0n });
    await expectSound(ledger);
  });

  it('a capture with a key moves the money once, and answers the same for ever', async () => {
    const { id } = await hold(50n);
    const once = await ledger.holds.capture(id, { amount: 20n, idempotencyKey: 'k' });
    await ledger.holds.release(id);
    const again = await ledger.holds.capture(id, { amount: 20n, idempotencyKey: 'k' });
    expect(again).toEqual({ ...once, replayed: true });
    await expect(ledger.holds.capture(id, { amount: 21n, idempotencyKey: 'k' })).rejects.toEqual(
      refusal('idempotency_key_reused'),
    );
    expect((await shown('bob')).posted).toBe(20n);
  });

  it('a capture refuses accounts beside the hold, whose accounts are meant', async () => {
    const request = { from: 'bob', to: 'carol', amount: 10n, currency: 'USD' };
    const { id } = await hold(30n);
    const unknown = refusal('invalid_request', { message: expect.stringContaining('unknown fields: "from", "to"') });
    await expect(ledger.holds.capture(id, request)).rejects.toEqual(unknown);
    await expect(ledger.holds.release(id, request as never)).rejects.toEqual(refusal('invalid_request'));
    const linked = ledger.transfers.postLinked([{ ...request, kind: 'capture', hold: id }]);
    await expect(linked).rejects.toEqual(unknown);
    await expect(ledger.transfers.post({ ...request, hold: id } as never)).rejects.toEqual(refusal('invalid_request'));
    await ledger.holds.release(id);
    await expectSound(ledger);
  });

  it('a capture of a hold of another ledger finds none', async () => {
    const { id } = await hold(50n);
    await expect(ledger.inLedger('elsewhere').holds.capture(id)).rejects.toEqual(refusal('hold_not_found'));
    await expect(ledger.holds.capture((await pay(1n)).id)).rejects.toEqual(refusal('hold_not_found'));
  });

  it('a capture works beside other legs, all or nothing', async () => {
    const { id } = await hold(50n);
    const legs = [
      { kind: 'capture' as const, hold: id, amount: 40n, final: true },
      { from: 'bob', to: 'carol', amount: 4n, currency: 'USD' },
      { kind: 'hold' as const, from: 'bob', to: 'alice', amount: 36n, currency: 'USD' },
    ];
    const tooMuch = [...legs, { from: 'bob', to: 'carol', amount: 1n, currency: 'USD' }];
    const before = [await shown('alice'), await shown('bob'), await ledger.holds.get(id)];
    await expect(ledger.transfers.postLinked(tooMuch)).rejects.toEqual(refusal('insufficient_funds'));
    expect([await shown('alice'), await shown('bob'), await ledger.holds.get(id)]).toEqual(before);
    const posted = await ledger.transfers.postLinked(legs, { idempotencyKey: 'group' });
    expect(posted.map(({ kind }) => kind)).toEqual(['capture', 'transfer', 'hold']);
    expect(await ledger.transfers.postLinked(legs, { idempotencyKey: 'group' })).toEqual(
      posted.map((transfer) => ({ ...transfer, replayed: true })),
    );
    expect(await shown('bob')).toEqual({ posted: 36n, pendingIn: 0n, pendingOut: 36n, available: 0n });
    await expectSound(ledger);
  });
});

describe('a hold that is due', () => {
  it.each([
    ['a payment', () => pay(100n)],
    ['another hold', () => hold(100n)],
    [
      'a linked group',
      () => ledger.transfers.postLinked([{ from: 'alice', to: 'carol', amount: 100n, currency: 'USD' }]),
    ],
    [
      'a dry run',
      () => ledger.transfers.post({ from: 'alice', to: 'bob', amount: 100n, currency: 'USD', dryRun: true }),
    ],
  ])('a hold that is due does not stand in the way of %s', async (_, act) => {
    const ids = [];
    for (let count = 0; count < 5; count += 1) ids.push((await hold(10n, { expiresAt: inAnHour() })).id);
    await hold(0n + 1n, { to: 'carol', expiresAt: inAnHour() }).then(({ id }) => ids.push(id));
    await letExpire(bed, ...ids);
    await act();
    for (const id of ids) expect((await ledger.holds.get(id)).state).toBe('expired');
    await expectSound(ledger);
  });

  it("a hold that is due does not stand in the way of the payee's maximum", async () => {
    await ledger.accounts.setLimits('bob', { maximum: 50n });
    const { id } = await hold(50n, { expiresAt: inAnHour() });
    await letExpire(bed, id);
    await pay(50n);
    await expectSound(ledger);
  });

  it('a hold that is due does not stand in the way of the 38 digits that a balance may have', async () => {
    const room = 10n ** 38n - 1_000n;
    const { id } = await hold(room, { from: 'world', to: 'carol', expiresAt: inAnHour() });
    await expect(pay(1_000n, 'world', 'carol')).rejects.toEqual(refusal('balance_overflow'));
    await letExpire(bed, id);
    await pay(1_000n, 'world', 'carol');
    await expectSound(ledger);
  });

  it('a hold that is due stands in nobody’s way among more than are looked for at once', async () => {
    await pay(1_100n, 'world', 'alice');
    await ledger.accounts.setLimits('bob', { minimum: null });
    const place = (from: string, count: number) =>
      Promise.all(Array.from({ length: count }, () => hold(1n, { from, to: 'carol', expiresAt: inAnHour() })));
    const due = [...(await place('alice', 1_100)), ...(await place('bob', 600))];
    await letExpire(bed, ...due.map(({ id }) => id));
    await pay(1_200n, 'alice', 'world');
    expect(await shown('alice')).toEqual({ posted: 0n, pendingIn: 0n, pendingOut: 0n, available: 0n });
    expect((await ledger.accounts.close('carol')).status).toBe('closed');
    await expectSound(ledger);
  });

  it("a hold that is due does not stand in the way in a caller's transaction either", async () => {
    const { id } = await hold(100n, { expiresAt: inAnHour() });
    await letExpire(bed, id);
    const client = await bed.connect();
    await client.query('begin');
    await ledger.within(fromPg(client)).transfers.post({ from: 'alice', to: 'bob', amount: 100n, currency: 'USD' });
    await client.query('rollback');
    expect(await shown('alice')).toEqual({ posted: 100n, pendingIn: 0n, pendingOut: 0n, available: 100n });
    await client.query('begin');
    await ledger.within(fromPg(client)).transfers.post({ from: 'alice', to: 'bob', amount: 100n, currency: 'USD' });
    await client.query('commit');
    expect(await shown('alice')).toEqual({ posted: 0n, pendingIn: 0n, pendingOut: 0n, available: 0n });
    await expectSound(ledger);
  });

  it('a hold that is due waits with a payment for the payee, whom somebody else keeps locked', async () => {
    const { id } = await hold(100n, { expiresAt: inAnHour() });
    await letExpire(bed, id);
    const { id: bob } = await ledger.accounts.get('bob');
    const holder = await bed.connect();
    await holder.query('begin');
    await holder.query('select from micropay.balances where account_id = $1 for update', [bob]);
    const paid = pay(100n, 'alice', 'carol');
    await expect(Promise.race([paid, new Promise((late) => setTimeout(late, 500, 'waiting'))])).resolves.toBe(
      'waiting',
    );
    await holder.query('rollback');
    expect((await paid).kind).toBe('transfer');
    await expectSound(ledger);
  });

  it('a hold that is due leaves one that is not due where it is', async () => {
    const due = await hold(40n, { expiresAt: inAnHour() });
    const open = await hold(40n, { expiresAt: inAnHour() });
    await letExpire(bed, due.id);
    await expect(pay(61n)).rejects.toEqual(refusal('insufficient_funds'));
    await pay(60n);
    expect((await ledger.holds.get(open.id)).state).toBe('open');
  });

  it('a hold that is due expires by itself when its time comes', async () => {
    const { id } = await hold(100n, { expiresAt: new Date(Date.now() + 500) });
    await expect.poll(async () => (await ledger.holds.get(id)).state).toBe('expired');
    await pay(100n);
    expect(await ledger.holds.expire()).toBe(0);
  });

  it('a hold that is due is swept once, by however many sweepers', async () => {
    const ids = [];
    for (let count = 0; count < 20; count += 1) ids.push((await hold(5n, { expiresAt: inAnHour() })).id);
    await letExpire(bed, ...ids);
    const others = [ledger, ...Array.from({ length: 3 }, () => bed.ledger({ name: ledger.name }))];
    const swept = await Promise.all(others.map((one) => one.holds.expire()));
    expect(swept.reduce((sum, count) => sum + count, 0)).toBe(20);
    expect((await ledger.holds.list('alice', { openOnly: true })).data).toEqual([]);
    await expectSound(ledger);
  });
});

describe('races', () => {
  it('races of captures, releases and a sweep have one winner each', async () => {
    const engines = [ledger, ...Array.from({ length: 3 }, () => bed.ledger({ name: ledger.name }))];
    for (let round = 0; round < 10; round += 1) {
      const { id } = await hold(10n, { expiresAt: inAnHour() });
      const isDue = round % 2 === 1;
      if (isDue) await letExpire(bed, id);
      const attempts = engines.flatMap((engine) => [
        engine.holds.capture(id).then(() => 'captured'),
        engine.holds.release(id).then(() => 'released'),
        engine.holds.expire().then((count) => (count === 1 ? 'expired' : 'nothing')),
      ]);
      const settled = await Promise.allSettled(attempts);
      const winners = settled.flatMap((result) =>
        result.status === 'fulfilled' && result.value !== 'nothing' ? [result.value] : [],
      );
      expect(winners).toEqual([(await ledger.holds.get(id)).state]);
      for (const result of settled) {
        if (result.status === 'rejected') expect(result.reason).toEqual(refusal('hold_closed'));
      }
    }
    await expectSound(ledger);
  });
});

describe('lists of holds', () => {
  it('lists of holds show those of either side, newest first, in pages', async () => {
    const placed = [];
    for (let count = 1n; count <= 5n; count += 1n) placed.push((await hold(count)).id);
    await ledger.holds.release(placed[1] ?? '');
    for (const address of ['alice', 'bob']) {
      const seen = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await ledger.holds.list(address, cursor === undefined ? { limit: 2 } : { limit: 2, cursor });
        seen.push(...page.data.map(({ id }) => id));
        cursor = page.nextCursor;
      }
      expect(seen).toEqual(placed.toReversed());
    }
    const open = (await ledger.holds.list('bob', { openOnly: true })).data;
    expect(open.map(({ amount }) => amount)).toEqual([5n, 4n, 3n, 1n]);
    expect((await ledger.holds.list('carol')).data).toEqual([]);
    await expect(ledger.holds.list('alice', { cursor: 'x' })).rejects.toEqual(refusal('invalid_cursor'));
    await expect(ledger.holds.list('nobody')).rejects.toEqual(refusal('account_not_found'));
  });
});

describe('the tables', () => {
  it.each([
    [
      'a hold that has ended open again',
      `update micropay.holds set state = 'open', remaining = 1 where state <> 'open'`,
    ],
    ['more held than was', `update micropay.holds set amount = amount + 1`],
    ['another payee', 'update micropay.holds set to_account = from_account'],
    ['a hold gone', 'delete from micropay.holds'],
    ['more captured than held', `update micropay.holds set captured = amount + 1 where state = 'open'`],
  ])('the tables of holds refuse %s', async (_, sql) => {
    const { id } = await hold(1n);
    await ledger.holds.release(id);
    await hold(2n);
    await expect(bed.sql(sql)).rejects.toThrow();
  });
});
