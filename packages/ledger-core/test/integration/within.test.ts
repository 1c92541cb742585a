import type { Ledger, LedgerInTransaction, TransactionAdapter } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let engine: Ledger;
let ledger: Ledger;
let pool: pg.Pool;
let books = 0;

beforeAll(async () => {
  engine = bed.ledger();
  pool = new pg.Pool({ connectionString: bed.url, max: 4 });
});
afterAll(() => pool.end());

beforeEach(async () => {
  books += 1;
  ledger = engine.inLedger(`book-${books}`);
  await openWallets(ledger, { alice: 100n, bob: 0n });
});

const pay = (amount: bigint, idempotencyKey?: string) => ({
  from: 'alice',
  to: 'bob',
  amount,
  currency: 'USD',
  ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
});

/** Runs work in a transaction of a pg client. */
async function withPg<Result>(
  work: (inside: LedgerInTransaction, adapter: TransactionAdapter) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const adapter = fromPg(client);
    const result = await work(ledger.within(adapter), adapter);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

describe('an account that is closed within a transaction', () => {
  it('an account that is closed within a transaction is closed when it commits, and open when it rolls back', async () => {
    const undone = withPg(async ({ transfers, accounts }) => {
      await transfers.post(pay(100n));
      expect((await accounts.close('alice')).status).toBe('closed');
      throw new Error('rolled back');
    });
    await expect(undone).rejects.toThrow('rolled back');
    expect(await ledger.accounts.get('alice')).toMatchObject({ status: 'open', posted: 100n });
    await withPg(async ({ transfers, accounts }) => {
      await expect(accounts.close('alice')).rejects.toEqual(refusal('account_not_empty'));
      await transfers.post(pay(100n));
      await accounts.close('alice');
    });
    expect(await ledger.accounts.get('alice')).toMatchObject({ status: 'closed', posted: 0n });
    const back = ledger.transfers.post({ ...pay(1n), from: 'bob', to: 'alice' });
    await expect(back).rejects.toEqual(refusal('account_closed'));
    await expectSound(ledger);
  });
});

describe('a savepoint of the caller’s', () => {
  it('a savepoint of the caller’s undoes the transfers after it, and keeps those before it', async () => {
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

  it('a savepoint of the caller’s of the very name that the ledger uses stays the caller’s', async () => {
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

describe('locks', () => {
  it('locks of a caller’s transaction are the same as the engine’s: nobody spends twice', async () => {
    let whileOpen: Promise<unknown> | undefined;
    await withPg(async ({ transfers }) => {
      await transfers.post(pay(60n));
      whileOpen = ledger.transfers.post(pay(60n)).catch((error: unknown) => error);
    });
    expect(await whileOpen).toEqual(refusal('insufficient_funds'));
    expect(await postedOf(ledger, 'bob')).toBe(60n);
  });

  it('locks taken in opposite order end one transaction with transaction_conflict, and the other continues', async () => {
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
  const adapterOf = (client: pg.Client): TransactionAdapter => ({
    executeSql: (text, values) => client.query(text, [...values]),
  });

  it('two adapters of one transaction take turns, so that the same money is not spent twice', async () => {
    // The adapters send side by side, which a connection without a pipeline does not take.
    const client = new pg.Client({ connectionString: bed.url, pipeline: true });
    await client.connect();
    try {
      await client.query('begin');
      const posted = await Promise.allSettled(
        [1, 2, 3].map(() => ledger.within(adapterOf(client)).transfers.post(pay(40n))),
      );
      await client.query('commit');
      expect(posted.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    } finally {
      await client.end();
    }
    expect(await postedOf(ledger, 'alice')).toBe(20n);
    await expectSound(ledger);
  });
});

it('two adapters of one transaction post each linked group under its own key', async () => {
  const options = { idempotencyKey: 'first' };
  const leg = { from: 'alice', to: 'bob', amount: 10n, currency: 'USD' };
  const first = ledger.transfers.postLinked([leg], options);
  options.idempotencyKey = 'second';
  const second = ledger.transfers.postLinked([leg], options);
  expect([...(await first), ...(await second)].map(({ replayed }) => replayed)).toEqual([false, false]);
  expect(await postedOf(ledger, 'bob')).toBe(20n);
});

describe('a transaction that cannot be worked in', () => {
  const calls: Readonly<Record<string, (inside: LedgerInTransaction) => Promise<unknown>>> = {
    'transfers.post': ({ transfers }) => transfers.post(pay(1n)),
    'transfers.get': ({ transfers }) => transfers.get('0190b7c4-0000-7000-8000-000000000001'),
    'accounts.get': ({ accounts }) => accounts.get('alice'),
    'accounts.open': ({ accounts }) => accounts.open({ address: 'carol', currency: 'USD' }),
  };
  const told = (message: string) =>
    refusal('transaction_isolation', { message: expect.stringContaining(message), retryable: false });

  it.each(Object.entries(calls))('because an earlier statement failed is named by %s', async (_, call) => {
    await withPg(async (inside, adapter) => {
      await expect(adapter.executeSql('select 1 / 0', [])).rejects.toMatchObject({ code: '22012' });
      await expect(call(inside)).rejects.toEqual(told('an earlier statement of your transaction failed'));
    });
  });

  it('a read-only transaction can be read in, and its refusal of changes names that', async () => {
    await withPg(async (inside, adapter) => {
      await adapter.executeSql('set transaction read only', []);
      for (const change of ['transfers.post', 'accounts.open']) {
        await expect(calls[change]?.(inside)).rejects.toEqual(told('read-only'));
      }
      expect(await inside.accounts.get('alice')).toMatchObject({ posted: 100n });
    });
  });
});

it('a caller’s transaction whose connection has broken is refused with database_unavailable', async () => {
  const client = await bed.connect();
  await client.query('begin');
  const { transfers } = ledger.within(fromPg(client));
  await transfers.post({ from: 'alice', to: 'bob', amount: 1n, currency: 'USD' });
  const { rows } = await client.query('select pg_backend_pid() as pid');
  const broken = new Promise((resolve) => client.once('end', resolve));
  await bed.sql('select pg_terminate_backend($1)', [rows[0].pid]);
  await broken;
  await expect(transfers.post({ from: 'alice', to: 'bob', amount: 1n, currency: 'USD' })).rejects.toEqual(
    refusal('database_unavailable', { retryable: true }),
  );
  expect(await postedOf(ledger, 'bob')).toBe(0n);
});

it('within a transaction there are the operations that take part in it, and no others', async () => {
  const names = await withPg(async (inside) =>
    Object.fromEntries(Object.entries(inside).map(([group, operations]) => [group, Object.keys(operations).sort()])),
  );
  expect(names).toEqual({
    accounts: ['close', 'ensure', 'get', 'identify', 'identifyMany', 'open'],
    transfers: ['get', 'post', 'postLinked', 'postMany', 'reverse', 'reverseLinked'],
    holds: ['capture', 'get', 'place', 'release'],
    requests: ['get', 'submit', 'submitMany'],
    events: ['write'],
  });
});
