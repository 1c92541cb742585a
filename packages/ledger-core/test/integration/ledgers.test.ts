import { createLedger, type Ledger, migrate } from '@micropay/ledger-core';
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
