import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger, Page, Transfer, TransferKind, TransferListOptions } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { explainStatements } from '../support/explained.js';
import { refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;

const WALLETS = ['users:1:usd', 'users:1:savings', 'users:2:usd', 'users:10:usd', 'fees'];
const ACCOUNTS = ['world', ...WALLETS];
const REFERENCES = ['order-1', 'order-2', 'order-3'];
const WORDS = ['Lunch', 'rent', 'ÄRGER', 'coffee'];
const KINDS: readonly TransferKind[] = ['transfer', 'hold', 'capture', 'release', 'reversal'];
const FILTERS = 200;

/** Every transfer that the journal has now, in the order of its positions, read past the lists. */
async function journal(): Promise<readonly Transfer[]> {
  const rows = await bed.sql<{ id: string }>('select id from micropay.transfers order by position');
  return Promise.all(rows.map(({ id }) => ledger.transfers.get(id)));
}

async function idsOfAllPages(filter: TransferListOptions, limit: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await ledger.transfers.list({ ...filter, limit, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.data.length).toBeLessThanOrEqual(limit);
    ids.push(...page.data.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  return ids;
}

const random = (below: number) => Math.floor(Math.random() * below);
const pick = <Value>(values: readonly Value[]): Value => values[random(values.length)] as Value;

/** Posts one of everything that a list may find; a refusal is as good. */
async function postSomething(): Promise<void> {
  const [from, to] = [pick(ACCOUNTS), pick(WALLETS)];
  const payment = {
    ...{ from, to, amount: BigInt(1 + random(40)), currency: 'USD' },
    ...(random(3) === 0 ? { reference: pick(REFERENCES) } : {}),
    ...(random(2) === 0 ? { description: `${pick(WORDS)} ${pick(WORDS)}` } : {}),
    ...(random(3) === 0 ? { metadata: { channel: pick(['web', 'shop']), count: random(2), deep: { a: 1 } } } : {}),
  };
  const effectiveAt = new Date(Date.now() - random(3) * 86_400_000);
  try {
    const kind = random(6);
    if (kind === 0) {
      const hold = await ledger.holds.place(payment);
      if (random(2) === 0) await ledger.holds.capture(hold.id, { final: true });
      else await ledger.holds.release(hold.id);
    } else if (kind === 1) {
      await ledger.transfers.reverse((await ledger.transfers.post(payment)).id, { reference: pick(REFERENCES) });
    } else if (kind === 2) {
      await ledger.transfers.postLinked([payment, { from: 'world', to: 'fees', amount: 1n, currency: 'USD' }]);
    } else {
      await ledger.transfers.post(kind === 3 ? { ...payment, effectiveAt } : payment);
    }
  } catch (error) {
    if (!['same_account', 'insufficient_funds'].includes((error as { code?: string }).code ?? '')) throw error;
  }
}

let accountIds: ReadonlyMap<string, string>;

/** The filter once more, in the plainest words. */
function meets(transfer: Transfer, filter: TransferListOptions): boolean {
  const idOf = (address: string) => accountIds.get(address);
  const sides = [transfer.from, transfer.to] as readonly (string | undefined)[];
  const path = filter.accountPath;
  const isBelow = (address: string) => path === undefined || address === path || address.startsWith(`${path}:`);
  const named = ACCOUNTS.filter((address) => (filter.account ?? address) === address && isBelow(address)).map(idOf);
  const other = filter.counterparty === undefined ? undefined : idOf(filter.counterparty);
  const description = transfer.description?.toLowerCase() ?? '';
  const said = Object.entries(filter.metadata ?? {});
  const at = (instant: TransferListOptions['recordedFrom']) => (instant as Date).getTime();
  return (
    ((filter.account ?? path) === undefined || sides.some((side) => named.includes(side))) &&
    (filter.counterparty === undefined ||
      (sides[0] === other && named.includes(sides[1])) ||
      (sides[1] === other && named.includes(sides[0]))) &&
    (filter.kinds?.includes(transfer.kind) ?? true) &&
    (filter.currency ?? transfer.currency) === transfer.currency &&
    transfer.amount >= (filter.amountMin ?? 0n) &&
    transfer.amount <= (filter.amountMax ?? transfer.amount) &&
    (filter.recordedFrom === undefined || transfer.recordedAt.getTime() >= at(filter.recordedFrom)) &&
    (filter.recordedTo === undefined || transfer.recordedAt.getTime() < at(filter.recordedTo)) &&
    (filter.effectiveFrom === undefined || transfer.effectiveAt.getTime() >= at(filter.effectiveFrom)) &&
    (filter.effectiveTo === undefined || transfer.effectiveAt.getTime() < at(filter.effectiveTo)) &&
    (filter.groupId ?? transfer.groupId) === transfer.groupId &&
    (filter.reference ?? transfer.reference) === transfer.reference &&
    (filter.words ?? '').split(' ').every((word) => description.includes(word.toLowerCase())) &&
    said.every(([member, value]) => transfer.metadata?.[member] === value)
  );
}

beforeAll(async () => {
  ledger = bed.ledger();
  for (const address of ACCOUNTS) await ledger.accounts.open({ address, currency: 'USD' });
  for (const to of WALLETS) await ledger.transfers.post({ from: 'world', to, amount: 10_000n, currency: 'USD' });
  for (let round = 0; round < 30; round += 1) await Promise.all(Array.from({ length: 8 }, postSomething));
  const identities = await ledger.accounts.identifyMany(ACCOUNTS);
  accountIds = new Map(ACCOUNTS.map((address) => [address, identities.get(address)?.id as string]));
}, 120_000);

describe('a list of transfers', () => {
  it('has every transfer that meets any filter once and in order, while writers write and reversals arrive', async () => {
    const before = await journal();
    const times = before.map(({ recordedAt }) => recordedAt.getTime()).sort((a, b) => a - b);
    const instant = fc.nat(times.length - 1).map((index) => new Date(times[index] as number));
    const some = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
    const groups = before.map(({ groupId }) => groupId).filter((id) => id !== null) as string[];
    const filters = fc
      .record({
        account: some(fc.constantFrom(...ACCOUNTS)),
        accountPath: some(fc.constantFrom('users:1', 'users', 'fees', 'nobody')),
        counterparty: some(fc.constantFrom(...ACCOUNTS, 'nobody')),
        kinds: some(fc.uniqueArray(fc.constantFrom(...KINDS), { minLength: 1 })),
        currency: some(fc.constantFrom('USD', 'EUR')),
        amountMin: some(fc.bigInt(1n, 20n)),
        amountMax: some(fc.bigInt(20n, 41n)),
        recordedFrom: some(instant),
        recordedTo: some(instant),
        effectiveFrom: some(instant),
        effectiveTo: some(instant),
        groupId: fc.option(fc.constantFrom(...groups), { nil: undefined, freq: 8 }),
        reference: some(fc.constantFrom(...REFERENCES)),
        words: some(fc.constantFrom('lunch', 'ärger', 'COFFEE rent', 'none')),
        metadata: some(fc.constantFrom({ channel: 'web' }, { channel: 'shop', count: 1 }, { count: '1' })),
        order: some(fc.constantFrom('newest' as const, 'oldest' as const)),
      })
      .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
      .map((all) => {
        const filter: Record<string, unknown> = { ...all };
        if (filter.account === undefined && filter.accountPath === undefined) delete filter.counterparty;
        if (filter.account === undefined && filter.accountPath === undefined && filter.groupId === undefined) {
          filter.reference ??= 'order-1';
        }
        for (const name of ['recorded', 'effective']) {
          const [from, to] = [filter[`${name}From`], filter[`${name}To`]] as (Date | undefined)[];
          if (from !== undefined && to !== undefined && from >= to) delete filter[`${name}To`];
        }
        return filter as TransferListOptions;
      });
    let isWriting = true;
    const writers = Array.from({ length: 4 }, async () => {
      while (isWriting) await postSomething();
    });
    try {
      await fc.assert(
        fc.asyncProperty(filters, fc.integer({ min: 1, max: 30 }), async (filter, limit) => {
          const ids = await idsOfAllPages(filter, limit);
          expect(new Set(ids).size).toBe(ids.length);
          const expected = before.filter((transfer) => meets(transfer, filter)).map(({ id }) => id as string);
          if (filter.order !== 'oldest') expected.reverse();
          const known = new Set(expected);
          expect(ids.filter((id) => known.has(id))).toEqual(expected);
          const others = ids.filter((id) => !known.has(id));
          for (const id of others.slice(0, 20)) expect(meets(await ledger.transfers.get(id), filter)).toBe(true);
          expect(others.filter((id) => before.some((transfer) => transfer.id === id))).toEqual([]);
        }),
        { numRuns: FILTERS },
      );
    } finally {
      isWriting = false;
      await Promise.all(writers);
    }
  }, 300_000);

  it('without a filter is the whole ledger and nothing of another', async () => {
    const other = ledger.inLedger('other');
    await other.accounts.open({ address: 'world', currency: 'USD' });
    await other.accounts.open({ address: 'fees', currency: 'USD' });
    const { id } = await other.transfers.post({
      from: 'world',
      to: 'fees',
      amount: 1n,
      currency: 'USD',
      reference: 'order-1',
    });
    expect((await other.transfers.list()).data.map((transfer) => transfer.id)).toEqual([id]);
    const own = await bed.sql('select id from micropay.transfers where ledger = 1 order by position desc');
    expect(await idsOfAllPages({}, 100)).toEqual(own.map((row) => row.id));
    expect(await idsOfAllPages({ order: 'oldest' }, 100)).toEqual(own.map((row) => row.id).reverse());
    expect(await idsOfAllPages({ reference: 'order-1' }, 100)).not.toContain(id);
  });

  it('finds a transfer by its idempotency key in the scope of its caller alone', async () => {
    const request = { from: 'world', to: 'fees', amount: 3n, currency: 'USD', idempotencyKey: 'k-1', scope: 'alice' };
    const { id } = await ledger.transfers.post(request);
    const [first] = await ledger.transfers.postLinked(
      [
        { from: 'world', to: 'fees', amount: 3n, currency: 'USD' },
        { from: 'world', to: 'users:2:usd', amount: 3n, currency: 'USD' },
      ],
      { idempotencyKey: 'k-2', scope: 'alice' },
    );
    expect(await idsOfAllPages({ idempotencyKey: 'k-1', scope: 'alice' }, 5)).toEqual([id]);
    expect(await idsOfAllPages({ idempotencyKey: 'k-2', scope: 'alice' }, 5)).toEqual([first?.id]);
    expect(await idsOfAllPages({ idempotencyKey: 'k-1', scope: 'bob' }, 5)).toEqual([]);
    expect(await idsOfAllPages({ idempotencyKey: 'k-1' }, 5)).toEqual([]);
    expect(await idsOfAllPages({ idempotencyKey: 'k-1', scope: 'alice', account: 'users:2:usd' }, 5)).toEqual([]);
  });

  it('continues oldest first behind a transfer that was drawn before and commits late', async () => {
    const reference = 'late';
    const pay = (to: string) => ({ from: 'world', to, amount: 1n, currency: 'USD', reference });
    const before = await ledger.transfers.post(pay('fees'));
    const late = await bed.connect();
    await late.query('begin');
    const held = await ledger.within(fromPg(late)).transfers.post({
      ...{ from: 'users:1:usd', to: 'users:1:savings', amount: 1n, currency: 'USD', reference },
    });
    const after = await ledger.transfers.post(pay('users:2:usd'));
    const all = idsOfAllPages({ reference, order: 'oldest' }, 1);
    setTimeout(() => void late.query('commit'), 300);
    expect(await all).toEqual([before.id, held.id, after.id]);
  });

  describe('oldest first, beside a transaction that has posted and stays open', () => {
    const pay = (reference: string) => ({ from: 'world', to: 'fees', amount: 1n, currency: 'USD', reference });

    /** Returns the id of a transfer in an open transaction, and that. */
    async function postAndStay(reference: string) {
      const client = await bed.connect();
      await client.query('begin');
      const { id } = await ledger.within(fromPg(client)).transfers.post({
        ...{ from: 'users:1:usd', to: 'users:1:savings', amount: 1n, currency: 'USD', reference },
      });
      return { id, client };
    }
    const idsOf = async (list: Promise<Page<Transfer>>) => (await list).data.map(({ id }) => id);

    it('has what was committed before its first page, also when another list waits already', async () => {
      const reference = 'waits';
      const { id, client } = await postAndStay(reference);
      const waiting = ledger.transfers.list({ reference, order: 'oldest' });
      await sleep(100);
      const committed = await ledger.transfers.post(pay(reference));
      const lists = [
        waiting,
        ...Array.from({ length: 5 }, () => ledger.transfers.list({ reference, order: 'oldest' })),
      ];
      await sleep(100);
      await client.query('commit');
      const [, ...later] = await Promise.all(lists.map(idsOf));
      for (const ids of later) expect(ids).toEqual([id, committed.id]);
    });

    it('waits once for all lists, and asks seldom', async () => {
      const reference = 'shared';
      const before = await ledger.transfers.post(pay(reference));
      const explained = explainStatements(bed.url);
      const watched = bed.ledger({ database: explained.url });
      await watched.transfers.list({ reference });
      const { id, client } = await postAndStay(reference);
      const statements = await explained
        .statementsOf(async () => {
          const lists = Array.from({ length: 20 }, async (_, place) => {
            await sleep(place * 25);
            return idsOf(watched.transfers.list({ reference, order: 'oldest' }));
          });
          await sleep(1_500);
          await client.query('commit');
          // The first list may end before what was not committed yet.
          const [, ...later] = await Promise.all(lists);
          for (const ids of later) expect(ids).toEqual([before.id, id]);
        })
        .finally(explained.stop);
      const count = (text: string) => statements.filter((statement) => statement.text.includes(text)).length;
      // Two searches, and room for lists that come late on a busy machine. Each list by itself would be 20, and thousands.
      expect(count('pg_current_xact_id()')).toBeLessThan(10);
      expect(count('pg_locks')).toBeLessThan(100);
      expect(count('pg_locks')).toBeGreaterThan(0);
    });

    it('waits for its first page alone: later ones end where that one saw the end', async () => {
      const reference = 'pages';
      const ids: string[] = [];
      for (let n = 0; n < 3; n += 1) ids.push((await ledger.transfers.post(pay(reference))).id);
      const first = await ledger.transfers.list({ reference, order: 'oldest', limit: 1 });
      const { client } = await postAndStay(reference);
      await ledger.transfers.post(pay(reference));
      const found: string[] = first.data.map(({ id }) => id);
      for (let { nextCursor } = first; nextCursor !== null; ) {
        const page = await ledger.transfers.list({ reference, order: 'oldest', limit: 1, cursor: nextCursor });
        found.push(...page.data.map(({ id }) => id));
        nextCursor = page.nextCursor;
      }
      expect(found).toEqual(ids);
      await client.query('rollback');
    });

    it('refuses with transaction_conflict after five seconds, and works again', async () => {
      const reference = 'stuck';
      const { client } = await postAndStay(reference);
      const first = ledger.transfers.list({ reference, order: 'oldest' });
      const conflict = refusal('transaction_conflict', { retryable: true });
      const refused = [expect(first).rejects.toEqual(conflict)];
      await sleep(1_000);
      refused.push(expect(ledger.transfers.list({ reference, order: 'oldest' })).rejects.toEqual(conflict));
      await Promise.all(refused);
      await client.query('rollback');
      expect(await idsOf(ledger.transfers.list({ reference, order: 'oldest' }))).toEqual([]);
    }, 30_000);
  });

  it('looks at a bounded number of rows for a page, and goes on where it ended', async () => {
    const rare = ledger.inLedger('rare');
    await rare.accounts.open({ address: 'world', currency: 'USD' });
    await rare.accounts.open({ address: 'shop', currency: 'USD' });
    const pay = { from: 'world', to: 'shop', amount: 1n, currency: 'USD' };
    const first = await rare.transfers.post({ ...pay, description: 'needle' });
    for (let batch = 0; batch < 5; batch += 1) {
      await rare.transfers.postMany(Array.from({ length: 1_000 }, () => pay));
    }
    const page = await rare.transfers.list({ account: 'shop', words: 'needle' });
    expect(page).toMatchObject({ data: [], nextCursor: expect.any(String) });
    const found: string[] = [];
    let pages = 1;
    for (let { nextCursor } = page; nextCursor !== null; pages += 1) {
      const next = await rare.transfers.list({ account: 'shop', words: 'needle', cursor: nextCursor });
      found.push(...next.data.map(({ id }) => id));
      nextCursor = next.nextCursor;
    }
    expect(found).toEqual([first.id]);
    // A thousand rows each, and the rest of their blocks.
    expect(pages).toBe(5);
  }, 60_000);

  it.each<[string, TransferListOptions, Record<string, unknown>]>([
    ['filter_too_broad', { words: 'lunch' }, { field: 'words' }],
    ['filter_too_broad', { amountMin: 1n, metadata: { a: 'b' } }, { add: expect.stringContaining('reference') }],
    ['filter_too_broad', { recordedFrom: '2026-01-01' }, { field: 'recordedFrom' }],
    ['account_not_found', { account: 'nobody' }, { account: 'nobody' }],
    ['invalid_request', { counterparty: 'fees' }, { field: 'counterparty' }],
    ['invalid_request', { scope: 'a', account: 'fees' }, { field: 'scope' }],
    ['invalid_request', { account: 'fees', kinds: [] }, { field: 'kinds' }],
    ['invalid_request', { account: 'fees', amountMin: 2n, amountMax: 1n }, { field: 'amountMax' }],
    ['invalid_amount', { account: 'fees', amountMin: 0n }, { field: 'amountMin' }],
    ['invalid_request', { account: 'fees', words: ' ' }, { field: 'words' }],
    ['invalid_request', { account: 'fees', metadata: {} }, { field: 'metadata' }],
    ['invalid_request', { account: 'fees', metadata: { a: {} as string } }, { field: 'metadata.a' }],
    [
      'invalid_period',
      { account: 'fees', recordedFrom: '2026-01-02', recordedTo: '2026-01-01' },
      { field: 'recordedTo' },
    ],
    ['invalid_request', { accountPath: 'users:' }, { field: 'accountPath' }],
    ['invalid_cursor', { cursor: 'x' }, { field: 'cursor' }],
  ])('refuses filter %# with %s', async (code, filter, details) => {
    await expect(ledger.transfers.list(filter)).rejects.toEqual(
      refusal(code, { details: expect.objectContaining(details) }),
    );
  });

  it('refuses a path of more than 100 accounts, and takes one of 100', async () => {
    const many = ledger.inLedger('many');
    for (let n = 0; n < 100; n += 1) await many.accounts.open({ address: `u:${n}`, currency: 'USD' });
    await many.accounts.open({ address: 'us', currency: 'USD' });
    expect((await many.transfers.list({ accountPath: 'u' })).data).toEqual([]);
    await many.accounts.open({ address: 'u', currency: 'USD' });
    await expect(many.transfers.list({ accountPath: 'u' })).rejects.toEqual(refusal('filter_too_broad'));
  }, 60_000);

  it('refuses the cursor of another filter, order or ledger', async () => {
    const { nextCursor } = await ledger.transfers.list({ account: 'fees', limit: 1 });
    const cursor = nextCursor as string;
    for (const other of [{ account: 'world' }, { account: 'fees', order: 'oldest' as const }, {}]) {
      await expect(ledger.transfers.list({ ...other, cursor })).rejects.toEqual(refusal('invalid_cursor'));
    }
    expect((await ledger.transfers.list({ account: 'fees', limit: 5, cursor })).data.length).toBeGreaterThan(0);
  });

  it('refuses a cursor with a position that is no bigint', async () => {
    const { nextCursor } = await ledger.transfers.list({ account: 'fees', limit: 1 });
    const [mark] = Buffer.from(nextCursor as string, 'base64url')
      .toString()
      .split(' ');
    const cursor = Buffer.from(`${mark} ${'9'.repeat(19)} 0`).toString('base64url');
    await expect(ledger.transfers.list({ account: 'fees', cursor })).rejects.toEqual(refusal('invalid_cursor'));
  });
});
