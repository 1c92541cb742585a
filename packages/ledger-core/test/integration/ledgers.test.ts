import { createLedger, type Ledger, type LedgerEvent, migrate } from '@micropay/ledger-core';
import { describe, expect, it } from 'vitest';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed({ isEmpty: true });
const pay = (amount: bigint, idempotencyKey?: string) => ({
  from: 'alice',
  to: 'bob',
  amount,
  currency: 'USD',
  ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
});

describe('two ledgers of one schema', () => {
  let one: Ledger;
  let two: Ledger;

  it('two ledgers of one schema have accounts of the same addresses, and books of their own', async () => {
    await migrate({ database: bed.url });
    one = bed.ledger({ name: 'one' });
    two = one.inLedger('two');
    await openWallets(one, { alice: 100n, bob: 0n });
    await openWallets(two, { alice: 50n, bob: 0n });
    await Promise.all([one.transfers.post(pay(10n, 'k')), two.transfers.post(pay(20n, 'k'))]);
    expect([await postedOf(one, 'bob'), await postedOf(two, 'bob')]).toEqual([10n, 20n]);
    expect((await two.trialBalance()).totals).toEqual([{ currency: 'USD', debits: 70n, credits: 70n }]);
  });

  it('two ledgers of one schema do not find each other’s accounts, whether they were looked up before or not', async () => {
    const { id } = await one.accounts.open({ address: 'only-in-one', currency: 'USD' });
    await one.transfers.post({ ...pay(1n), to: id });
    for (const reference of [id, 'only-in-one']) {
      await expect(two.accounts.get(reference)).rejects.toEqual(refusal('account_not_found'));
      await expect(two.accounts.entries(reference)).rejects.toEqual(refusal('account_not_found'));
      await expect(two.accounts.freeze(reference)).rejects.toEqual(refusal('account_not_found'));
      await expect(two.transfers.post({ ...pay(1n), to: reference })).rejects.toEqual(refusal('account_not_found'));
      expect(await two.accounts.identify(reference)).toBeUndefined();
    }
  });

  it('two ledgers of one schema take turns: a long queue of one does not keep the other waiting', async () => {
    const busy = bed.ledger({ name: 'one', capacity: { batchSizeMax: 10, lanes: 1 } });
    const quick = busy.inLedger('two');
    await Promise.all([busy.transfers.post(pay(1n)), quick.transfers.post(pay(1n))]);
    const answered: string[] = [];
    const long = Array.from({ length: 300 }, () =>
      busy.transfers.post({ ...pay(1n), from: 'world' }).then(() => answered.push('one')),
    );
    const short = quick.transfers.post(pay(1n)).then(() => answered.push('two'));
    await Promise.all([...long, short]);
    expect(answered.indexOf('two')).toBeLessThan(60);
  });

  it('two ledgers of one schema are both sound', async () => {
    await expectSound(one);
    await expectSound(two);
  });

  it.each(['', 'a b', 'ä', 'x'.repeat(64), "it's", 5 as unknown as string])(
    'two ledgers of one schema have no name such as %j',
    (name) => {
      const refused = refusal('invalid_request');
      expect(() => one.inLedger(name)).toThrow(refused);
      expect(() => createLedger({ database: bed.url, name })).toThrow(refused);
    },
  );
});

describe('two ledgers whose callers chose the same ids', () => {
  const id = (n: number) => `0190b7c4-0000-7000-8000-00000000000${n}`;
  const names = ['mine', 'theirs'];
  let mine: Ledger;
  let theirs: Ledger;

  it('two ledgers whose callers chose the same ids open accounts and post transfers of one id, each its own', async () => {
    [mine, theirs] = names.map((name) => bed.ledger({ name })) as [Ledger, Ledger];
    for (const [ledger, amount] of [
      [mine, 10n],
      [theirs, 20n],
    ] as const) {
      await openWallets(ledger, {});
      await ledger.accounts.open({ id: id(1), address: 'payer', currency: 'USD' });
      await ledger.accounts.open({ id: id(2), address: 'payee', currency: 'USD' });
      await ledger.transfers.post({ id: id(3), from: 'world', to: 'payer', amount, currency: 'USD' });
      await ledger.transfers.post({ id: id(4), from: 'payer', to: 'payee', amount, currency: 'USD' });
    }
    expect(await mine.transfers.get(id(4))).toMatchObject({ amount: 10n });
    expect(await theirs.transfers.get(id(4))).toMatchObject({ amount: 20n });
    expect([await postedOf(mine, 'payee'), await postedOf(theirs, 'payee')]).toEqual([10n, 20n]);
  });

  it('two ledgers whose callers chose the same ids show no lowered minimum of the other’s', async () => {
    await theirs.transfers.post({ from: 'payee', to: 'payer', amount: 20n, currency: 'USD' });
    const lowering = { id: id(5), allowOverdraft: { by: 'operator:1' }, idempotencyKey: 'r' };
    expect(await theirs.transfers.reverse(id(4), lowering)).toMatchObject({ loweredMinimums: [{ minimum: -20n }] });
    expect(await mine.transfers.reverse(id(4), lowering)).not.toHaveProperty('loweredMinimums');
    const replayed = await bed.ledger({ name: 'mine' }).transfers.reverse(id(4), lowering);
    expect(replayed).toMatchObject({ id: id(5), amount: 10n, replayed: true });
    expect(replayed).not.toHaveProperty('loweredMinimums');
  });

  it('two ledgers whose callers chose the same ids tell in events what each may spend, whatever limits the other sets', async () => {
    await mine.accounts.setLimits('payee', { minimum: -7n });
    const { last } = await mine.events.range();
    await mine.transfers.post({ id: id(6), from: 'payer', to: 'payee', amount: 1n, currency: 'USD' });
    await theirs.accounts.setLimits('payee', { minimum: -1_000n });
    const ending = new AbortController();
    const told: LedgerEvent[] = [];
    for await (const events of await mine.events.subscribe({ after: last, signal: ending.signal })) {
      told.push(...events);
      if (told.some(({ subject }) => subject === id(2))) ending.abort();
    }
    const balance = told.find(({ type, subject }) => type === 'balance.changed.v1' && subject === id(2));
    expect(balance?.data).toMatchObject({ posted: '1', available: '8' });
  });

  it('two ledgers whose callers chose the same ids are both sound', async () => {
    await expectSound(mine);
    await expectSound(theirs);
  });
});

describe.each(['micropay2', 'My "odd" schema.1', "it's", 'back\\slash', 'ledger; drop table x', 'ü', '$1'])(
  'a schema called %s',
  (schema) => {
    it('a ledger in a schema with this name works beside the others', async () => {
      await migrate({ database: bed.url, schema });
      const ledger = bed.ledger({ schema });
      await ledger.check();
      await openWallets(ledger, { alice: 100n, bob: 0n });
      await ledger.transfers.post(pay(60n, 'k'));
      expect(await ledger.transfers.post(pay(60n, 'k'))).toMatchObject({ replayed: true });
      await ledger.transfers.postLinked([pay(1n), pay(2n)], { idempotencyKey: 'g' });
      await ledger.transfers.postLinked([pay(1n), pay(2n)], { idempotencyKey: 'g' });
      await ledger.accounts.freeze('alice');
      expect((await ledger.accounts.list({ prefix: 'b' })).data).toMatchObject([{ address: 'bob', posted: 63n }]);
      expect((await ledger.accounts.entries('bob')).data).toHaveLength(3);
      await expectSound(ledger);
    });
  },
);

it.each(['pg_ledger', 'pg_catalog', 'information_schema'])(
  'a schema of PostgreSQL’s own, %s, is refused by name',
  async (schema) => {
    const refused = refusal('invalid_request', { details: { field: 'schema' } });
    expect(() => createLedger({ database: bed.url, schema })).toThrow(refused);
    await expect(migrate({ database: bed.url, schema })).rejects.toEqual(refused);
  },
);

it('schemas of one database know nothing of each other', async () => {
  const others = await bed.sql<{ ledgers: number }>('select count(*)::int as ledgers from micropay2.ledgers');
  expect(others).toEqual([{ ledgers: 1 }]);
});
