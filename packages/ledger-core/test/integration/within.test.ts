import type { Ledger, LedgerInTransaction, TransactionAdapter } from '@micropay/ledger-core';
import { fromKysely } from '@micropay/ledger-core/kysely';
import { fromPg } from '@micropay/ledger-core/pg';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let engine: Ledger;
let ledger: Ledger;
let pool: pg.Pool;
let kysely: Kysely<unknown>;
let books = 0;

beforeAll(async () => {
  engine = bed.ledger();
  pool = new pg.Pool({ connectionString: bed.url, max: 4 });
  kysely = new Kysely({ dialect: new PostgresDialect({ pool }) });
  await bed.sql('create table orders (id text primary key)');
});
afterAll(() => pool.end());

beforeEach(async () => {
  books += 1;
  ledger = engine.inLedger(`book-${books}`);
  await bed.sql('truncate orders');
  await openWallets(ledger, { alice: 100n, bob: 0n });
});

const pay = (amount: bigint, idempotencyKey?: string) => ({
  from: 'alice',
  to: 'bob',
  amount,
  currency: 'USD',
  ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
});

class RolledBack extends Error {}

/** Runs work in a transaction of a pg client; `commits` is false for a caller that changes their mind. */
async function withPg<Result>(
  work: (inside: LedgerInTransaction, adapter: TransactionAdapter) => Promise<Result>,
  { begin = 'begin', commits = true } = {},
): Promise<Result> {
  const client = await pool.connect();
  try {
    if (begin !== '') await client.query(begin);
    const adapter = fromPg(client);
    const result = await work(ledger.within(adapter), adapter);
    await client.query(commits ? 'commit' : 'rollback');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

/** The same through kysely. */
async function withKysely<Result>(
  work: (inside: LedgerInTransaction, adapter: TransactionAdapter) => Promise<Result>,
  { commits = true } = {},
): Promise<Result | undefined> {
  let result: Result | undefined;
  await kysely
    .transaction()
    .execute(async (transaction) => {
      const adapter = fromKysely(transaction);
      result = await work(ledger.within(adapter), adapter);
      if (!commits) throw new RolledBack();
    })
    .catch((error: unknown) => {
      if (!(error instanceof RolledBack)) throw error;
    });
  return result;
}

async function ordersFound(): Promise<number> {
  const [row] = await bed.sql<{ orders: number }>('select count(*)::int as orders from orders');
  return row?.orders ?? -1;
}

const order = (adapter: TransactionAdapter, id: string) => adapter.executeSql('insert into orders values ($1)', [id]);

describe.each([
  ['pg', withPg],
  ['kysely', withKysely],
])('in a transaction of %s', (_, inTransaction) => {
  it('commits the caller’s row and the transfer together', async () => {
    await inTransaction(async (inside, adapter) => {
      await order(adapter, 'order-1');
      await inside.transfers.post(pay(60n));
    });
    expect([await ordersFound(), await postedOf(ledger, 'bob')]).toEqual([1, 60n]);
    await expectSound(ledger);
  });

  it('rolls both back together', async () => {
    const transfer = await inTransaction(
      async (inside, adapter) => {
        await order(adapter, 'order-1');
        return inside.transfers.post(pay(60n, 'k'));
      },
      { commits: false },
    );
    expect([await ordersFound(), await postedOf(ledger, 'bob')]).toEqual([0, 0n]);
    await expect(ledger.transfers.get(transfer?.id ?? '')).rejects.toEqual(refusal('transfer_not_found'));
    expect(await ledger.transfers.post(pay(60n, 'k'))).toMatchObject({ replayed: false });
  });

  it('is usable after a refusal, and commits what was posted before and after it', async () => {
    await inTransaction(async (inside, adapter) => {
      await inside.transfers.post(pay(60n));
      await expect(inside.transfers.post(pay(41n))).rejects.toEqual(refusal('insufficient_funds'));
      await expect(inside.transfers.post({ ...pay(1n), to: 'nobody' })).rejects.toEqual(refusal('account_not_found'));
      await expect(inside.accounts.get('\u0000')).rejects.toEqual(refusal('account_not_found'));
      await expect(inside.accounts.open({ address: 'bob', currency: 'USD' })).rejects.toEqual(
        refusal('account_exists'),
      );
      await order(adapter, 'order-1');
      await inside.transfers.post(pay(40n));
    });
    expect([await ordersFound(), await postedOf(ledger, 'bob')]).toEqual([1, 100n]);
    await expectSound(ledger);
  });

  it('takes postMany and postLinked in order, each refusal its own', async () => {
    await inTransaction(async ({ transfers }) => {
      const results = await transfers.postMany([pay(60n), pay(60n), pay(40n)]);
      expect(results.map(({ ok }) => ok)).toEqual([true, false, true]);
      const linked = transfers.postLinked([{ from: 'bob', to: 'alice', amount: 100n, currency: 'USD' }, pay(101n)]);
      await expect(linked).rejects.toEqual(refusal('insufficient_funds'));
      expect((await transfers.postLinked([pay(1n)]).catch((error: unknown) => error)) as object).toMatchObject({
        code: 'insufficient_funds',
      });
    });
    expect(await postedOf(ledger, 'bob')).toBe(100n);
    await expectSound(ledger);
  });

  it('sees what it has done, while nobody else does', async () => {
    await inTransaction(async (inside) => {
      const { id } = await inside.transfers.post(pay(60n));
      expect((await inside.accounts.get('bob')).posted).toBe(60n);
      expect((await inside.transfers.get(id)).amount).toBe(60n);
      expect(await postedOf(ledger, 'bob')).toBe(0n);
    });
  });

  it('answers a key with the first result, inside and out', async () => {
    const first = await ledger.transfers.post(pay(60n, 'outside'));
    await inTransaction(async ({ transfers }) => {
      expect(await transfers.post(pay(60n, 'outside'))).toEqual({ ...first, replayed: true });
      await expect(transfers.post(pay(1n, 'outside'))).rejects.toEqual(refusal('idempotency_key_reused'));
      const inside = await transfers.post(pay(5n, 'inside'));
      expect(await transfers.post(pay(5n, 'inside'))).toEqual({ ...inside, replayed: true });
    });
    expect(await ledger.transfers.post(pay(5n, 'inside'))).toMatchObject({ replayed: true });
    expect(await postedOf(ledger, 'bob')).toBe(65n);
  });

  it('pays from and to an account that it opens itself', async () => {
    await inTransaction(async (inside) => {
      const { id } = await inside.accounts.open({ address: 'carol', currency: 'USD' });
      await inside.transfers.post({ from: 'alice', to: 'carol', amount: 5n, currency: 'USD' });
      await inside.transfers.post({ from: id, to: 'alice', amount: 2n, currency: 'USD' });
    });
    expect(await postedOf(ledger, 'carol')).toBe(3n);
  });

  it('forgets an account that was opened in it when it is rolled back', async () => {
    await inTransaction(
      async (inside) => {
        const { id } = await inside.accounts.open({ address: 'carol', currency: 'USD' });
        expect(await inside.accounts.identify('carol')).toMatchObject({ id });
        await inside.transfers.post({ from: 'alice', to: 'carol', amount: 5n, currency: 'USD' });
      },
      { commits: false },
    );
    expect(await ledger.accounts.identify('carol')).toBeUndefined();
    const toCarol = { from: 'alice', to: 'carol', amount: 5n, currency: 'USD' };
    await expect(ledger.transfers.post(toCarol)).rejects.toEqual(refusal('account_not_found'));
    const carol = await ledger.accounts.open({ address: 'carol', currency: 'USD' });
    expect(await ledger.transfers.post(toCarol)).toMatchObject({ to: carol.id });
  });

  it('does one thing at a time, although it is asked for many at once', async () => {
    await inTransaction(async (inside, adapter) => {
      const posts = Array.from({ length: 10 }, () => inside.transfers.post(pay(10n)));
      const again = ledger
        .within(adapter)
        .transfers.post(pay(1n))
        .catch((error: unknown) => error);
      await Promise.all(posts);
      expect(await again).toEqual(refusal('insufficient_funds'));
    });
    expect(await postedOf(ledger, 'bob')).toBe(100n);
    await expectSound(ledger);
  });
});

describe('a savepoint of the caller’s', () => {
  it('undoes transfers, and keeps those before it', async () => {
    await withPg(async ({ transfers }, adapter) => {
      await transfers.post(pay(10n));
      await adapter.executeSql('savepoint mine', []);
      await transfers.post(pay(20n));
      await adapter.executeSql('rollback to savepoint mine', []);
      await transfers.post(pay(30n));
    });
    expect(await postedOf(ledger, 'bob')).toBe(40n);
    await expectSound(ledger);
  });

  it('of the very name that the ledger uses stays the caller’s', async () => {
    await withPg(async ({ transfers }, adapter) => {
      await transfers.post(pay(10n));
      await adapter.executeSql('savepoint micropay', []);
      await transfers.post(pay(20n));
      await expect(transfers.post(pay(1_000n))).rejects.toEqual(refusal('insufficient_funds'));
      await adapter.executeSql('rollback to savepoint micropay', []);
    });
    expect(await postedOf(ledger, 'bob')).toBe(10n);
    await expectSound(ledger);
  });
});

describe('a transaction that will not do', () => {
  it.each(['begin isolation level repeatable read', 'begin isolation level serializable'])(
    '%s is refused, and stays usable',
    async (begin) => {
      await withPg(
        async ({ transfers }, adapter) => {
          await expect(transfers.post(pay(1n))).rejects.toEqual(refusal('transaction_isolation'));
          await order(adapter, 'order-1');
        },
        { begin },
      );
      expect([await ordersFound(), await postedOf(ledger, 'bob')]).toEqual([1, 0n]);
    },
  );

  it('is none at all', async () => {
    await withPg(
      async (inside) => {
        await expect(inside.transfers.post(pay(1n))).rejects.toEqual(refusal('transaction_isolation'));
        const opened = inside.accounts.open({ address: 'carol', currency: 'USD' });
        await expect(opened).rejects.toEqual(refusal('transaction_isolation'));
      },
      { begin: '' },
    );
    expect([await postedOf(ledger, 'bob'), await ledger.accounts.identify('carol')]).toEqual([0n, undefined]);
  });
});

describe('locks', () => {
  it('of a caller’s transaction are the same as the engine’s: nobody spends twice', async () => {
    let whileOpen: Promise<unknown> | undefined;
    await withPg(async ({ transfers }) => {
      await transfers.post(pay(60n));
      whileOpen = ledger.transfers.post(pay(60n)).catch((error: unknown) => error);
    });
    expect(await whileOpen).toEqual(refusal('insufficient_funds'));
    expect(await postedOf(ledger, 'bob')).toBe(60n);
  });

  it('taken in opposite order end one transaction with transaction_conflict, and the other goes on', async () => {
    await openWallets(ledger, { carol: 100n, dave: 100n });
    const first = { from: 'carol', to: 'world', amount: 1n, currency: 'USD' };
    const second = { from: 'dave', to: 'bob', amount: 1n, currency: 'USD' };
    let meet = () => {};
    const met = new Promise<void>((resolve) => {
      meet = resolve;
    });
    let arrived = 0;
    const cross = (one: typeof first, other: typeof first) =>
      withPg(async ({ transfers }) => {
        await transfers.post(one);
        arrived += 1;
        if (arrived === 2) meet();
        await met;
        return transfers.post(other).then(
          () => 'posted',
          (error: unknown) => error,
        );
      });
    const ends = await Promise.all([cross(first, second), cross(second, first)]);
    expect(ends).toContain('posted');
    expect(ends).toContainEqual(refusal('transaction_conflict', { retryable: true }));
    await expectSound(ledger);
  });
});

describe('two adapters of one transaction', () => {
  const adapterOf = (client: pg.PoolClient): TransactionAdapter => ({
    executeSql: (text, values) => client.query(text, [...values]),
  });

  it('take turns, so that the same money is not spent twice', async () => {
    const client = await pool.connect();
    try {
      await client.query('begin');
      const posted = await Promise.allSettled(
        [1, 2, 3].map(() => ledger.within(adapterOf(client)).transfers.post(pay(40n))),
      );
      await client.query('commit');
      expect(posted.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    } finally {
      client.release();
    }
    expect(await postedOf(ledger, 'alice')).toBe(20n);
    await expectSound(ledger);
  });
});

it('posts each linked group under the key that it was given with', async () => {
  const options = { idempotencyKey: 'first' };
  const leg = { from: 'alice', to: 'bob', amount: 10n, currency: 'USD' };
  const first = ledger.transfers.postLinked([leg], options);
  options.idempotencyKey = 'second';
  const second = ledger.transfers.postLinked([leg], options);
  expect([...(await first), ...(await second)].map(({ replayed }) => replayed)).toEqual([false, false]);
  expect(await postedOf(ledger, 'bob')).toBe(20n);
});
