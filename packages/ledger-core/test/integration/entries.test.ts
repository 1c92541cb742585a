import type { Ledger } from '@micropay/ledger-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { alice: 0n, bob: 0n });
});

/** Versions of all entries, newest first, read in pages. */
async function versionsOf(book: Ledger, reference: string, limit: number): Promise<readonly bigint[]> {
  const versions: bigint[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await book.accounts.entries(reference, cursor === undefined ? { limit } : { limit, cursor });
    versions.push(...page.data.map(({ version }) => version));
    cursor = page.nextCursor;
  }
  return versions;
}

describe('entries', () => {
  it('entries show one side of a transfer, with all of its fields', async () => {
    const metadata = { order: 7 };
    const effectiveAt = new Date('1999-12-31T23:59:59.999Z');
    const transfer = await ledger.transfers.post({
      from: 'world',
      to: 'bob',
      amount: 12n,
      currency: 'USD',
      description: 'Coffee',
      metadata,
      effectiveAt,
    });
    const { data } = await ledger.accounts.entries('bob');
    expect(data).toEqual([
      {
        accountId: transfer.to,
        transferId: transfer.id,
        groupId: null,
        kind: 'transfer',
        direction: 'credit',
        counterparty: transfer.from,
        amount: 12n,
        currency: 'USD',
        description: 'Coffee',
        metadata,
        reference: null,
        recordedAt: transfer.recordedAt,
        effectiveAt,
        posted: 12n,
        pendingIn: 0n,
        pendingOut: 0n,
        version: 1n,
      },
    ]);
  });

  it('entries of one moment come in the order of their versions, whatever the page', async () => {
    const request = { from: 'world', to: 'alice', amount: 1n, currency: 'USD' };
    await ledger.transfers.postMany(Array.from({ length: 120 }, () => request));
    const newestFirst = Array.from({ length: 120 }, (_, index) => BigInt(120 - index));
    for (const limit of [1, 7, 10, 120, 1_000]) {
      expect(await versionsOf(ledger, 'alice', limit)).toEqual(newestFirst);
    }
  });

  it('entries have no next page when the last one is just full', async () => {
    const { data, nextCursor } = await ledger.accounts.entries('bob', { limit: 1 });
    expect(data).toHaveLength(1);
    expect(nextCursor).toBeNull();
  });

  it('entries stay where they were for a reader while new ones come', async () => {
    const first = await ledger.accounts.entries('alice', { limit: 5 });
    await ledger.transfers.post({ from: 'world', to: 'alice', amount: 1n, currency: 'USD' });
    const second = await ledger.accounts.entries('alice', { limit: 5, cursor: first.nextCursor ?? '' });
    expect(second.data[0]?.version).toBe((first.data.at(-1)?.version ?? 0n) - 1n);
  });

  it('entries are none for an account that nothing happened to', async () => {
    await ledger.accounts.open({ address: 'carol', currency: 'USD' });
    expect(await ledger.accounts.entries('carol')).toEqual({ data: [], nextCursor: null });
  });

  it('entries are of this ledger alone, although another one has an account of the same id', async () => {
    const id = '0190b7c4-0000-7000-8000-000000000001';
    const books = [ledger.inLedger('one'), ledger.inLedger('two')];
    for (const [index, book] of books.entries()) {
      await book.accounts.open({ address: 'world', currency: 'USD' });
      await book.accounts.open({ address: 'alice', currency: 'USD', id });
      await book.transfers.post({ from: 'world', to: id, amount: BigInt(index + 1), currency: 'USD' });
    }
    const pages = await Promise.all(books.map((book) => book.accounts.entries(id)));
    expect(pages.map(({ data }) => data.map(({ amount }) => amount))).toEqual([[1n], [2n]]);
  });

  it.each([
    ['a limit of 0', { limit: 0 }, 'invalid_request'],
    ['a limit of 1,001', { limit: 1_001 }, 'invalid_request'],
    ['a cursor of its own making', { cursor: 'first' }, 'invalid_cursor'],
    ['a cursor of another list', { cursor: Buffer.from('after alice').toString('base64url') }, 'invalid_cursor'],
    ['a bad limit before a bad cursor', { limit: 0, cursor: 'first' }, 'invalid_request'],
  ])('entries refuse %s', async (_, options, code) => {
    await expect(ledger.accounts.entries('alice', options)).rejects.toEqual(refusal(code));
  });

  it.each(['nobody', '0190b7c4-0000-7000-8000-00000000ffff', 'not an address', 'alice\u0000', ''])(
    'entries of %j are the entries of no account',
    async (reference) => {
      await expect(ledger.accounts.entries(reference)).rejects.toEqual(refusal('account_not_found'));
    },
  );
});
