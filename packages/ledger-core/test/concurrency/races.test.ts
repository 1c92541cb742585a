import type { Ledger, LedgerError, PostResult, PostTransfer } from '@micropay/ledger-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { times } from '../support/counts.js';
import { randomNumbers } from '../support/random.js';
import { expectSound, openWallets, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const WALLETS = ['a', 'b', 'c', 'd'];
const ACCOUNTS = ['world', ...WALLETS];
/** Engines that one test opens at most: each has a connection for reads and one a lane. */
const ENGINES_MAX = 24;
let ledger: Ledger;
let books = 0;

beforeEach(async () => {
  books += 1;
  ledger = bed.ledger({ name: `book-${books}`, capacity: { readConnectionsMax: 1 } });
  await openWallets(ledger, Object.fromEntries(WALLETS.map((address) => [address, 1_000n])));
});

/** So many clients over as many engines, closed when the work is done. */
async function withClients(
  count: number,
  lanes: number,
  work: (client: Ledger, index: number) => Promise<unknown>,
): Promise<void> {
  const engines = Array.from({ length: Math.min(count, ENGINES_MAX) }, () =>
    bed.ledger({ name: ledger.name, capacity: { lanes, readConnectionsMax: 1 } }),
  );
  // Everybody knows all accounts before the race begins.
  await Promise.all(engines.map((engine) => Promise.all(ACCOUNTS.map((address) => engine.accounts.identify(address)))));
  try {
    await Promise.all(
      Array.from({ length: count }, (_, index) => work(engines[index % engines.length] as Ledger, index)),
    );
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
  }
}

/** No wallet was ever below its minimum, not even between two transfers. */
async function expectNeverNegative(): Promise<void> {
  const negative = await bed.sql(
    `select e.transfer_id from micropay.entries e
     join micropay.accounts a on a.ledger = e.ledger and a.id = e.account_id
     join micropay.ledgers l on l.id = a.ledger
     where l.name = $1 and a.type = 'liability' and e.posted < 0`,
    [ledger.name],
  );
  expect(negative).toEqual([]);
}

describe.each([
  [2, 1],
  [4, 4],
  [16, 1],
  [16, 4],
  [64, 1],
])('%i clients with lanes of %i over five accounts', (count, lanes) => {
  it('concurrent transfers leave the totals unchanged, and no account below its minimum', async () => {
    const answers = new Map<string, number>();
    await withClients(count, lanes, async (client, index) => {
      const random = randomNumbers(books * 1_000 + index);
      for (let number = 0; number < times(100); number += 1) {
        const from = random(ACCOUNTS.length);
        const to = (from + 1 + random(ACCOUNTS.length - 1)) % ACCOUNTS.length;
        const request = {
          from: ACCOUNTS[from] ?? '',
          to: ACCOUNTS[to] ?? '',
          amount: BigInt(1 + random(400)),
          currency: 'USD',
        };
        const answer = await client.transfers.post(request).then(
          () => 'posted',
          (error: LedgerError) => error.code,
        );
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    });
    expect([...answers.keys()].filter((answer) => answer !== 'posted' && answer !== 'insufficient_funds')).toEqual([]);
    const { transfers } = await ledger.verify();
    expect(transfers).toBe((answers.get('posted') ?? 0) + WALLETS.length);
    await expectNeverNegative();
    await expectSound(ledger);
  });

  it('concurrent transfers have one winner for each key, and all callers get the same result', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    const requestOf = (key: string): PostTransfer => {
      const number = keys.indexOf(key);
      const from = number % WALLETS.length;
      return {
        from: WALLETS[from] ?? '',
        to: WALLETS[(from + 1) % WALLETS.length] ?? '',
        amount: 1n,
        currency: 'USD',
        idempotencyKey: key,
      };
    };
    const posted = new Map<string, number>();
    const ids = new Map<string, Set<string>>();
    await withClients(count, lanes, async (client, index) => {
      const random = randomNumbers(books * 1_000 + index);
      const shuffled = keys.map((key) => ({ key, at: random(1_000) })).toSorted((one, other) => one.at - other.at);
      // Each key twice in one call, and the calls of all clients at once.
      const requests = shuffled.flatMap(({ key }) => [requestOf(key), requestOf(key)]);
      for (const [place, result] of (await client.transfers.postMany(requests)).entries()) {
        const key = requests[place]?.idempotencyKey ?? '';
        if (!result.ok) throw result.error;
        if (!result.transfer.replayed) posted.set(key, (posted.get(key) ?? 0) + 1);
        ids.set(key, (ids.get(key) ?? new Set()).add(result.transfer.id));
      }
    });
    expect([...posted]).toEqual(expect.arrayContaining(keys.map((key) => [key, 1])));
    expect([...ids.values()].map(({ size }) => size)).toEqual(keys.map(() => 1));
    await expectSound(ledger);
  });
});

/** Circles of waiting that PostgreSQL has had to break; a connection reports them when it ends. */
async function deadlocks(): Promise<number> {
  const [row] = await bed.sql<{ deadlocks: number }>(
    'select deadlocks::int from pg_stat_database where datname = current_database()',
  );
  return row?.deadlocks ?? -1;
}

describe('the same keys on disjoint accounts', () => {
  const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
  const call = (from: string, to: string, order: readonly string[], part: Partial<PostTransfer> = {}) =>
    order.map((idempotencyKey) => ({ from, to, amount: 1n, currency: 'USD', idempotencyKey, ...part }));

  const codesOf = (results: readonly PostResult[]) =>
    results.map((result) => (result.ok ? 'posted' : result.error.code));

  it('the same keys on disjoint accounts in opposite order have one winner each, and the other call is refused without a deadlock', async () => {
    const rounds = times(50);
    for (const from of ['a', 'c']) {
      await ledger.transfers.post({ from: 'world', to: from, amount: 10_000n, currency: 'USD' });
    }
    const codes: string[] = [];
    const before = await deadlocks();
    for (let round = 0; round < rounds; round += 1) {
      const order = keys.map((key) => `${round} ${key}`);
      await withClients(2, 1, async (client, index) => {
        const requests = index === 0 ? call('a', 'b', order) : call('c', 'd', order.toReversed());
        codes.push(...codesOf(await client.transfers.postMany(requests)));
      });
    }
    expect(codes.filter((code) => code === 'posted')).toHaveLength(rounds * keys.length);
    expect(codes.filter((code) => code === 'idempotency_key_reused')).toHaveLength(rounds * keys.length);
    // PostgreSQL looks for a circle after a second of waiting: nobody waited that long in one.
    expect(await deadlocks()).toBe(before);
    await expectSound(ledger);
  });

  it('the same keys on disjoint accounts as ids of the caller’s, in opposite order, have one winner each too', async () => {
    const ids = keys.map((_, index) => `0190b7c4-0000-7000-8000-${String(index).padStart(12, '0')}`);
    const requests = (from: string, to: string, order: readonly string[]) =>
      order.map((id) => ({ from, to, amount: 1n, currency: 'USD', id }));
    const codes: string[] = [];
    await withClients(2, 1, async (client, index) => {
      const results = await client.transfers.postMany(
        index === 0 ? requests('a', 'b', ids) : requests('c', 'd', ids.toReversed()),
      );
      codes.push(...codesOf(results));
    });
    expect(codes.filter((code) => code === 'posted')).toHaveLength(ids.length);
    expect(codes.filter((code) => code === 'transfer_id_reused')).toHaveLength(ids.length);
  });
});
