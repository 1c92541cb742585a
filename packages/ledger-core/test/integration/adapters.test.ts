import type { Ledger, LedgerInTransaction } from '@micropay/ledger-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CALLERS, type Caller, type CallerTransaction, type Isolation } from '../support/callers.js';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';
import { userCreated } from '../support/user-created.js';

const LARGEST = 10n ** 38n - 1n;
const AWKWARD = {
  quotes: `it's "quoted" \\ and \\"escaped\\"`,
  array: '{1,NULL,"two"}',
  json: '{"a":[1,null]}',
  unicode: 'ąęß 漢字 🙂 \u2028',
  placeholder: '$1 ? :name ?? $$',
  nothing: null,
  nested: [{ empty: {}, list: [[]] }, true, 1.5],
};

class ChangedMind extends Error {}

const bed = useTestBed();
let engine: Ledger;
let books = 0;

beforeAll(async () => {
  engine = bed.ledger();
  await bed.sql('create table orders (id varchar(20) primary key)');
});

describe.each(CALLERS)('in a transaction of %s', (_, call) => {
  let caller: Caller;
  let ledger: Ledger;

  beforeAll(() => {
    caller = call(bed.url);
  });
  afterAll(() => caller.close());
  beforeEach(async () => {
    books += 1;
    ledger = engine.inLedger(`book-${books}`);
    await bed.sql('truncate orders');
    await openWallets(ledger, { alice: 100n, bob: 0n });
  });

  type Work<Result> = (inside: LedgerInTransaction, transaction: CallerTransaction) => Promise<Result>;

  function commits<Result>(work: Work<Result>, isolation?: Isolation): Promise<Result> {
    return caller.transaction((transaction) => work(ledger.within(transaction.adapter), transaction), isolation);
  }

  async function rollsBack(work: Work<unknown>): Promise<void> {
    const run = commits(async (inside, transaction) => {
      await work(inside, transaction);
      throw new ChangedMind();
    });
    await expect(run).rejects.toThrow(ChangedMind);
  }

  const pay = (amount: bigint, idempotencyKey?: string) => ({
    from: 'alice',
    to: 'bob',
    amount,
    currency: 'USD',
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });

  /** Compares the application's table and the ledger at the end. */
  async function expectEnd({ orders, bob }: { orders: readonly string[]; bob: bigint }): Promise<void> {
    const rows = await bed.sql<{ id: string }>('select id from orders order by id');
    expect({ orders: rows.map(({ id }) => id), bob: await postedOf(ledger, 'bob') }).toEqual({ orders, bob });
    await expectSound(ledger);
  }

  it('commits the caller’s row and the transfer together', async () => {
    await commits(async (inside, { order }) => {
      await order('order-1');
      await inside.transfers.post(pay(60n));
    });
    await expectEnd({ orders: ['order-1'], bob: 60n });
  });

  it('rolls both back together', async () => {
    let id = '';
    await rollsBack(async (inside, { order }) => {
      await order('order-1');
      ({ id } = await inside.transfers.post(pay(60n, 'k')));
    });
    await expectEnd({ orders: [], bob: 0n });
    await expect(ledger.transfers.get(id)).rejects.toEqual(refusal('transfer_not_found'));
    expect(await ledger.transfers.post(pay(60n, 'k'))).toMatchObject({ replayed: false });
  });

  it('leaves it usable after a refusal, and commits what was posted before and after it', async () => {
    await commits(async (inside, { order }) => {
      await inside.transfers.post(pay(60n));
      await expect(inside.transfers.post(pay(41n))).rejects.toEqual(refusal('insufficient_funds'));
      await expect(inside.transfers.post({ ...pay(1n), to: 'nobody' })).rejects.toEqual(refusal('account_not_found'));
      await expect(inside.accounts.get('\u0000')).rejects.toEqual(refusal('account_not_found'));
      const taken = inside.accounts.open({ address: 'bob', currency: 'USD' });
      await expect(taken).rejects.toEqual(refusal('account_exists', { details: { address: 'bob' } }));
      await order('order-1');
      await inside.transfers.post(pay(40n));
    });
    await expectEnd({ orders: ['order-1'], bob: 100n });
  });

  it('stays usable after an SQL error of the caller’s own, in a savepoint of theirs', async () => {
    await commits(async (inside, { order, savepoint }) => {
      await inside.transfers.post(pay(10n));
      const broken = savepoint(async (inner) => {
        await ledger.within(inner.adapter).transfers.post(pay(20n));
        await inner.order('an id that is longer than the column');
      });
      await expect(broken).rejects.toThrow();
      await inside.transfers.post(pay(30n));
      await order('order-1');
    });
    await expectEnd({ orders: ['order-1'], bob: 40n });
  });

  it('keeps with a savepoint of the caller’s what was posted in it', async () => {
    await commits(async (inside, { savepoint }) => {
      await savepoint(async (inner) => {
        await inner.order('order-1');
        await ledger.within(inner.adapter).transfers.post(pay(10n));
      });
      await inside.transfers.post(pay(20n));
    });
    await expectEnd({ orders: ['order-1'], bob: 30n });
  });

  it('undoes with a savepoint of the caller’s what was posted in it, and keeps the rest', async () => {
    await commits(async (inside, { savepoint }) => {
      await inside.transfers.post(pay(10n));
      const undone = savepoint(async (inner) => {
        await inner.order('order-1');
        await ledger.within(inner.adapter).transfers.post(pay(20n, 'k'));
        throw new ChangedMind();
      });
      await expect(undone).rejects.toThrow(ChangedMind);
      expect(await inside.transfers.post(pay(30n, 'k2'))).toMatchObject({ replayed: false });
    });
    await expectEnd({ orders: [], bob: 40n });
  });

  it('takes postMany and postLinked in order, each refusal its own', async () => {
    await commits(async ({ transfers }) => {
      const results = await transfers.postMany([pay(60n), pay(60n), pay(40n)]);
      expect(results.map(({ ok }) => ok)).toEqual([true, false, true]);
      const linked = transfers.postLinked([{ from: 'bob', to: 'alice', amount: 100n, currency: 'USD' }, pay(101n)]);
      await expect(linked).rejects.toEqual(
        refusal('insufficient_funds', { details: expect.objectContaining({ leg: 1 }) }),
      );
      const back = { from: 'bob', to: 'alice', amount: 30n, currency: 'USD' };
      const group = await transfers.postLinked([back, pay(5n)], { idempotencyKey: 'g' });
      expect(await transfers.postLinked([back, pay(5n)], { idempotencyKey: 'g' })).toEqual(
        group.map((leg) => ({ ...leg, replayed: true })),
      );
    });
    await expectEnd({ orders: [], bob: 75n });
  });

  it('sees what it has done, while nobody else does', async () => {
    await commits(async (inside) => {
      const { id } = await inside.transfers.post(pay(60n));
      expect((await inside.accounts.get('bob')).posted).toBe(60n);
      expect((await inside.transfers.get(id)).amount).toBe(60n);
      expect(await postedOf(ledger, 'bob')).toBe(0n);
    });
  });

  it('answers a key with the first result, inside and out', async () => {
    const first = await ledger.transfers.post(pay(60n, 'outside'));
    await commits(async ({ transfers }) => {
      expect(await transfers.post(pay(60n, 'outside'))).toEqual({ ...first, replayed: true });
      await expect(transfers.post(pay(1n, 'outside'))).rejects.toEqual(refusal('idempotency_key_reused'));
      const inside = await transfers.post(pay(5n, 'inside'));
      expect(await transfers.post(pay(5n, 'inside'))).toEqual({ ...inside, replayed: true });
    });
    expect(await ledger.transfers.post(pay(5n, 'inside'))).toMatchObject({ replayed: true });
    await expectEnd({ orders: [], bob: 65n });
  });

  it('opens accounts and pays from and to them', async () => {
    await commits(async (inside) => {
      const carol = { address: 'carol', currency: 'EUR', type: 'asset', minimum: null, metadata: AWKWARD } as const;
      const { id } = await inside.accounts.open({ ...carol, maximum: LARGEST });
      await inside.accounts.open({ address: 'dave', currency: 'EUR' });
      await inside.transfers.post({ from: 'carol', to: 'dave', amount: 5n, currency: 'EUR' });
      await inside.transfers.post({ from: 'dave', to: id, amount: 2n, currency: 'EUR' });
      expect(await inside.accounts.ensure(carol)).toMatchObject({ id, posted: 3n - 6n + 6n, type: 'asset' });
    });
    expect(await ledger.accounts.get('carol')).toMatchObject({
      posted: 3n,
      minimum: null,
      maximum: LARGEST,
      metadata: AWKWARD,
      type: 'asset',
    });
  });

  it('forgets an account that was opened in it when it is rolled back', async () => {
    await rollsBack(async (inside) => {
      const { id } = await inside.accounts.open({ address: 'carol', currency: 'USD' });
      expect(await inside.accounts.identify('carol')).toMatchObject({ id });
      await inside.transfers.post({ ...pay(5n), to: 'carol' });
    });
    expect(await ledger.accounts.identify('carol')).toBeUndefined();
    await expect(ledger.transfers.post({ ...pay(5n), to: 'carol' })).rejects.toEqual(refusal('account_not_found'));
  });

  it('writes and reads texts, JSON, instants and nulls as they are', async () => {
    const effectiveAt = new Date('1999-12-31T23:59:59.999Z');
    const described = { ...pay(1n, 'k'), description: AWKWARD.placeholder, metadata: AWKWARD, effectiveAt };
    await commits(async ({ transfers }) => {
      const [plain] = await transfers.postMany([pay(2n), described]);
      expect(plain).toMatchObject({ ok: true, transfer: { description: null, metadata: null } });
      expect(await transfers.post(described)).toMatchObject({ ...expected(), replayed: true });
    });
    const { data } = await ledger.accounts.entries('bob', { limit: 1 });
    expect(data[0]).toMatchObject(expected());

    function expected() {
      return { description: AWKWARD.placeholder, metadata: AWKWARD, effectiveAt };
    }
  });

  it('counts 38 digits', async () => {
    await ledger.accounts.open({ address: 'vault', currency: 'USD', minimum: null });
    await commits(async ({ transfers, accounts }) => {
      const posted = await transfers.post({ from: 'vault', to: 'bob', amount: LARGEST, currency: 'USD' });
      expect(posted).toMatchObject({
        amount: LARGEST,
        fromBalance: { posted: -LARGEST },
        toBalance: { posted: LARGEST },
      });
      expect(await accounts.get('vault')).toMatchObject({ posted: -LARGEST, version: 1n });
      await expect(transfers.post(pay(1n))).rejects.toEqual(refusal('balance_overflow'));
    });
    await expectEnd({ orders: [], bob: LARGEST });
  });

  it('an adapter writes a domain event', async () => {
    const subject = '01890000-0000-7000-8000-000000000001';
    const data = { userId: subject };
    await rollsBack(({ events }) => events.write(userCreated, { subject, data }));
    await commits(({ events }) => events.write(userCreated, { subject, data }));
    const rows = await bed.sql(
      `select data from micropay.events e join micropay.ledgers l on l.id = e.ledger
       where l.name = $1 and type = 'user.created.v1'`,
      [ledger.name],
    );
    expect(rows).toEqual([{ data }]);
  });

  it('does one thing at a time, although it is asked for many at once', async () => {
    await commits(async ({ transfers }, { adapter, adapterAgain }) => {
      expect(adapterAgain()).toBe(adapter);
      const posts = Array.from({ length: 10 }, () => transfers.post(pay(10n)));
      const again = ledger.within(adapterAgain()).transfers.post(pay(1n));
      await Promise.all([...posts, expect(again).rejects.toEqual(refusal('insufficient_funds'))]);
    });
    await expectEnd({ orders: [], bob: 100n });
  });

  it('does one thing at a time through two adapters, too', async () => {
    await commits(async (_inside, { adapter }) => {
      const adapters = [1, 2, 3].map(() => ({ executeSql: adapter.executeSql.bind(adapter) }));
      const posts = adapters.map((own) => ledger.within(own).transfers.post(pay(40n)));
      const ends = await Promise.allSettled(posts);
      expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    });
    await expectEnd({ orders: [], bob: 80n });
  });

  it.each(['repeatable read', 'serializable'] as const)('refuses %s, and leaves it usable', async (isolation) => {
    await commits(async ({ transfers }, { order }) => {
      await expect(transfers.post(pay(1n))).rejects.toEqual(refusal('transaction_isolation'));
      await order('order-1');
    }, isolation);
    await expectEnd({ orders: ['order-1'], bob: 0n });
  });

  it('refuses to work where there is none', async () => {
    const inside = ledger.within(caller.outside());
    await expect(inside.transfers.post(pay(1n))).rejects.toEqual(refusal('transaction_isolation'));
    const opened = inside.accounts.open({ address: 'carol', currency: 'USD' });
    await expect(opened).rejects.toEqual(refusal('transaction_isolation'));
    await expectEnd({ orders: [], bob: 0n });
    expect(await ledger.accounts.identify('carol')).toBeUndefined();
  });
});
