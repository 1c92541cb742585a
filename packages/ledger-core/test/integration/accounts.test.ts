import type { Ledger, OpenAccount } from '@micropay/ledger-core';
import pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let engine: Ledger;
let ledger: Ledger;
let books = 0;

beforeAll(() => {
  engine = bed.ledger();
});
// A ledger of its own for each test: what others opened is not in it.
beforeEach(() => {
  books += 1;
  ledger = engine.inLedger(`book-${books}`);
});

const uuid = (number: number) => `0190b7c4-0000-7000-8000-${String(number).padStart(12, '0')}`;

describe('open', () => {
  it('open answers with the account, at zero', async () => {
    const account = await ledger.accounts.open({
      address: 'users:42:usd',
      currency: 'USD',
      metadata: { tier: 'gold' },
    });
    expect(account).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      address: 'users:42:usd',
      type: 'liability',
      currency: 'USD',
      status: 'open',
      minimum: 0n,
      maximum: null,
      posted: 0n,
      pendingIn: 0n,
      pendingOut: 0n,
      available: 0n,
      version: 0n,
      metadata: { tier: 'gold' },
      openedAt: expect.any(Date),
    });
  });

  it('open keeps an id and limits of the caller’s', async () => {
    const request = {
      address: 'a',
      currency: 'USD',
      id: uuid(1),
      minimum: -(10n ** 38n - 1n),
      maximum: 10n ** 38n - 1n,
    };
    expect(await ledger.accounts.open(request)).toMatchObject(request);
    expect(await ledger.accounts.get(uuid(1))).toMatchObject({ ...request, available: 10n ** 38n - 1n });
  });

  it.each<[string, OpenAccount]>([
    ['the same address', { address: 'taken', currency: 'USD' }],
    ['the same id', { address: 'free', currency: 'USD', id: uuid(2) }],
    ['the same address in another currency', { address: 'taken', currency: 'EUR' }],
  ])('open refuses %s', async (_, request) => {
    await ledger.accounts.open({ address: 'taken', currency: 'USD', id: uuid(2) });
    await expect(ledger.accounts.open(request)).rejects.toEqual(refusal('account_exists'));
  });

  it('open refuses nothing of another ledger', async () => {
    await engine.inLedger('another').accounts.open({ address: 'taken', currency: 'USD', id: uuid(3) });
    expect((await ledger.accounts.open({ address: 'taken', currency: 'USD', id: uuid(3) })).id).toBe(uuid(3));
  });

  it('open leaves nothing behind when it refuses', async () => {
    await expect(ledger.accounts.open({ address: 'a', currency: 'POINTS' })).rejects.toEqual(
      refusal('unknown_currency'),
    );
    expect(await ledger.accounts.list()).toEqual({ data: [], nextCursor: null });
  });

  it('open lets one of many that open the same address at once succeed', async () => {
    const openings = Array.from({ length: 8 }, () => ledger.accounts.open({ address: 'popular', currency: 'USD' }));
    const settled = await Promise.allSettled(openings);
    const refused = settled.filter(({ status }) => status === 'rejected');
    expect(refused).toEqual(Array(7).fill({ status: 'rejected', reason: refusal('account_exists') }));
  });
});

describe('get', () => {
  it.each(['nobody', uuid(9), 'no address', 'a\u0000b', '\ud800', ''])(
    'get finds no account called %j',
    async (reference) => {
      await expect(ledger.accounts.get(reference)).rejects.toEqual(refusal('account_not_found'));
      await expect(ledger.accounts.identify(reference)).resolves.toBeUndefined();
    },
  );

  it('get reads amounts to the last digit, however the process has told pg to read numbers', async () => {
    const { builtins, getTypeParser, setTypeParser } = pg.types;
    const oids = [builtins.NUMERIC, builtins.INT8, builtins.TIMESTAMPTZ, builtins.JSONB];
    const before = oids.map((oid) => [oid, getTypeParser(oid)] as const);
    const amount = 12_345_678_901_234_567_890_123_456_789n;
    await ledger.accounts.open({ address: 'world', currency: 'USD', maximum: amount + 1n, metadata: { a: 1 } });
    await openWallets(ledger, { alice: amount });
    try {
      setTypeParser(builtins.NUMERIC, Number);
      setTypeParser(builtins.INT8, Number);
      setTypeParser(builtins.TIMESTAMPTZ, (text) => text);
      setTypeParser(builtins.JSONB, (text) => text);
      expect(await ledger.accounts.get('world')).toMatchObject({
        posted: amount,
        maximum: amount + 1n,
        version: 1n,
        metadata: { a: 1 },
        openedAt: expect.any(Date),
      });
      expect((await ledger.accounts.entries('alice')).data[0]).toMatchObject({ amount, posted: amount });
      await expect(
        ledger.transfers.post({ from: 'alice', to: 'world', amount, currency: 'USD' }),
      ).resolves.toMatchObject({
        fromBalance: { posted: 0n },
      });
    } finally {
      for (const [oid, parser] of before) setTypeParser(oid, parser);
    }
  });
});

describe('ensure', () => {
  it('ensure opens an account once, and then answers with it as it is', async () => {
    await openWallets(ledger, {});
    const first = await ledger.accounts.ensure({ address: 'fees', currency: 'USD', type: 'income' });
    await ledger.transfers.post({ from: 'world', to: 'fees', amount: 5n, currency: 'USD' });
    const second = await ledger.accounts.ensure({ address: 'fees', currency: 'USD', type: 'income' });
    expect(second).toEqual({ ...first, posted: 5n, available: 5n, version: 1n });
  });

  it('ensure answers everybody with the same account', async () => {
    const ensuring = Array.from({ length: 8 }, () => ledger.accounts.ensure({ address: 'fees', currency: 'USD' }));
    expect(new Set((await Promise.all(ensuring)).map(({ id }) => id)).size).toBe(1);
  });

  it.each<[string, Partial<OpenAccount>]>([
    ['another type', { type: 'asset' }],
    ['another currency', { currency: 'EUR' }],
  ])('ensure refuses an account that is there with %s', async (_, part) => {
    await ledger.accounts.open({ address: 'fees', currency: 'USD' });
    const request = { address: 'fees', currency: 'USD', ...part };
    await expect(ledger.accounts.ensure(request)).rejects.toEqual(refusal('account_exists'));
  });
});

describe('identify', () => {
  it('identify tells what never changes, by address and by id', async () => {
    const { id } = await ledger.accounts.open({ address: 'alice', currency: 'USD', type: 'equity' });
    const identity = { id, address: 'alice', type: 'equity', currency: 'USD' };
    expect([await ledger.accounts.identify('alice'), await ledger.accounts.identify(id)]).toEqual([identity, identity]);
  });
});

describe('list', () => {
  const addresses = ['a', 'a:1', 'a:10', 'a:2', 'a-b', 'b', 'A', 'z:z', '0', 'a.b', 'a_b'];

  beforeEach(async () => {
    for (const address of addresses) await ledger.accounts.open({ address, currency: 'USD' });
  });

  async function listed(options: { readonly prefix?: string; readonly limit?: number }): Promise<readonly string[]> {
    const all: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await ledger.accounts.list(cursor === undefined ? options : { ...options, cursor });
      all.push(...page.data.map(({ address }) => address));
      cursor = page.nextCursor;
    }
    return all;
  }

  it.each([1, 2, 3, 11, 50])('list goes by address, each once, in pages of %i', async (limit) => {
    expect(await listed({ limit })).toEqual(addresses.toSorted());
  });

  it.each(['a', 'a:', 'a:1', 'z', 'A', 'nothing'])('list with the prefix %j lists what begins so', async (prefix) => {
    const expected = addresses.filter((address) => address.startsWith(prefix)).toSorted();
    expect(await listed({ prefix, limit: 2 })).toEqual(expected);
  });

  it.each([
    ['a prefix with another character', { prefix: 'a%' }, 'invalid_request'],
    ['a limit of 0', { limit: 0 }, 'invalid_request'],
    ['a cursor of its own making', { cursor: 'a' }, 'invalid_cursor'],
    ['a bad limit before a bad cursor', { limit: 0, cursor: 'a' }, 'invalid_request'],
  ])('list refuses %s', async (_, options, code) => {
    await expect(ledger.accounts.list(options)).rejects.toEqual(refusal(code));
  });
});

describe('freeze', () => {
  const out = { from: 'alice', to: 'world', amount: 1n, currency: 'USD' };
  const back = { from: 'world', to: 'alice', amount: 1n, currency: 'USD' };

  beforeEach(() => openWallets(ledger, { alice: 10n }));

  it.each([
    ['debits', 'frozen_debits', { out: false, back: true }],
    ['credits', 'frozen_credits', { out: true, back: false }],
    ['both', 'frozen', { out: false, back: false }],
  ] as const)('freeze of %s is %s', async (side, status, passes) => {
    expect((await ledger.accounts.freeze('alice', { side })).status).toBe(status);
    const [first, second] = await ledger.transfers.postMany([out, back]);
    expect({ out: first?.ok, back: second?.ok }).toEqual(passes);
  });

  it('replaces the side, and ends with unfreeze', async () => {
    await ledger.accounts.freeze('alice', { side: 'debits' });
    expect((await ledger.accounts.freeze('alice', { side: 'credits' })).status).toBe('frozen_credits');
    expect((await ledger.accounts.unfreeze('alice')).status).toBe('open');
    await expect(ledger.transfers.post(back)).resolves.toMatchObject({ amount: 1n });
  });

  it('freeze is not possible for an account that is missing or closed', async () => {
    await expect(ledger.accounts.freeze('nobody')).rejects.toEqual(refusal('account_not_found'));
    await bed.sql(
      `update micropay.balances b set status = 'closed' from micropay.accounts a
       where a.id = b.account_id and a.ledger = b.ledger and a.address = 'alice'`,
    );
    await expect(ledger.accounts.unfreeze('alice')).rejects.toEqual(refusal('account_closed'));
    await expect(ledger.accounts.freeze('alice')).rejects.toEqual(refusal('account_closed'));
  });

  it('freeze knows three sides', async () => {
    const side = 'left' as 'both';
    await expect(ledger.accounts.freeze('alice', { side })).rejects.toEqual(refusal('invalid_request'));
  });
});

describe('currencies', () => {
  it('currencies of ISO 4217 need no registration', async () => {
    expect(await ledger.currencies.get('HUF')).toEqual({ code: 'HUF', scale: 2 });
    expect(await ledger.currencies.register({ code: 'JPY', scale: 0 })).toEqual({ code: 'JPY', scale: 0 });
  });

  it('currencies of your own are registered once, for one ledger', async () => {
    await ledger.currencies.register({ code: 'POINTS', scale: 0 });
    await ledger.currencies.register({ code: 'POINTS', scale: 0 });
    expect((await ledger.accounts.open({ address: 'a', currency: 'POINTS' })).currency).toBe('POINTS');
    await expect(engine.inLedger('without').currencies.get('POINTS')).rejects.toEqual(refusal('unknown_currency'));
  });

  it.each([
    ['an asset registered with another', { code: 'POINTS', scale: 2 }, 'currency_scale_fixed'],
    ['an ISO currency with another', { code: 'USD', scale: 3 }, 'currency_scale_fixed'],
    ['a malformed code', { code: 'points', scale: 0 }, 'unknown_currency'],
    ['a scale that is none', { code: 'MILES', scale: 31 }, 'invalid_request'],
  ])('currencies keep their scale: refuses %s', async (_, currency, code) => {
    await ledger.currencies.register({ code: 'POINTS', scale: 0 });
    await expect(ledger.currencies.register(currency)).rejects.toEqual(refusal(code));
  });

  it('currencies keep the scale of their first use, whatever a later table says', async () => {
    await ledger.accounts.open({ address: 'a', currency: 'USD' });
    await bed.sql(
      `update micropay.currencies set scale = 4
       where code = 'USD' and ledger = (select id from micropay.ledgers where name = $1)`,
      [ledger.name],
    );
    expect(await ledger.currencies.get('USD')).toEqual({ code: 'USD', scale: 4 });
    await expect(ledger.currencies.register({ code: 'USD', scale: 2 })).rejects.toEqual(
      refusal('currency_scale_fixed', { details: { currency: 'USD', scale: 4 } }),
    );
  });

  it('currencies that nobody knows are unknown', async () => {
    await expect(ledger.currencies.get('MILES')).rejects.toEqual(refusal('unknown_currency'));
    await expect(ledger.currencies.get('U$')).rejects.toEqual(refusal('unknown_currency'));
  });
});

describe('after close', () => {
  it('everything is refused as ledger_closed, and close may be called again', async () => {
    const closed = bed.ledger();
    await closed.accounts.list();
    await closed.close();
    await closed.close();
    const request = { from: 'a', to: 'b', amount: 1n, currency: 'USD' };
    await expect(closed.transfers.post(request)).rejects.toEqual(refusal('ledger_closed'));
    await expect(closed.accounts.get('a')).rejects.toEqual(refusal('ledger_closed'));
    await expect(closed.accounts.open({ address: 'a', currency: 'USD' })).rejects.toEqual(refusal('ledger_closed'));
    await expect(closed.verify()).rejects.toEqual(refusal('ledger_closed'));
  });
});

afterEach(async () => {
  // SQL of a test changes only its own ledger.
  expect((await engine.inLedger('sound').verify()).ok).toBe(true);
});
