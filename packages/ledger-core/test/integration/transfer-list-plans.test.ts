import type { Ledger, TransferListOptions } from '@micropay/ledger-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Explained, explainStatements, rowsRead } from '../support/explained.js';
import { useUpKeys } from '../support/long-journal.js';
import { openWallets, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const TRANSFERS = 100_000;
/** What a page looks at, once for each side, and rows of the blocks of versions where it begins and ends. */
const SEARCHED_MAX = 2 * 1_000 + 4 * 32;
/** Of a page that looks for nothing: its limit, one more, and the blocks. */
const PAGE_MAX = 2 * 51 + 4 * 32;
/** Both sides of a block for each halving of a million versions. */
const HALVING_MAX = 20 * 2 * 32;

let explained: Explained;
let ledger: Ledger;
let middle: string;

beforeAll(async () => {
  explained = explainStatements(bed.url);
  ledger = bed.ledger({ database: explained.url });
  await openWallets(ledger, { 'users:1:usd': 0n, 'users:1:eur': 0n });
  const { id } = await ledger.accounts.get('users:1:usd');
  const { id: world } = await ledger.accounts.get('world');
  await bed.sql('alter table micropay.transfers set (autovacuum_enabled = off)').catch(() => undefined);
  await bed.sql(
    `insert into micropay.transfers (recorded_at, from_version, to_version, ledger, kind, id, from_account, to_account,
       currency, amount, from_posted, to_posted, idempotency_hash, reference, group_id, description, metadata)
     select now() + n * interval '1 ms', n, n, 1, 'transfer', gen_random_uuid(),
       case when n % 2 = 0 then $1::uuid else $2::uuid end, case when n % 2 = 0 then $2::uuid else $1::uuid end,
       'USD', 1, n, n, gen_random_uuid(), 'order-' || n / 50, case when n % 50 = 0 then $3::uuid end, 'lunch ' || n,
       jsonb_build_object('n', n)
     from generate_series(1, ${TRANSFERS}) n`,
    [id, world, GROUP],
  );
  await bed.sql(`update micropay.balances set version = ${TRANSFERS} where account_id = any($1)`, [[id, world]]);
  await useUpKeys(bed);
  const [row] = await bed.sql<{ at: Date }>(
    `select recorded_at as at from micropay.transfers where from_version = ${TRANSFERS / 2}`,
  );
  middle = row?.at.toISOString() ?? '';
}, 120_000);
afterAll(() => explained.stop());

const GROUP = '0190b7c4-0000-7000-8000-000000000001';

describe.each(['never analyzed', 'analyzed'])('with a journal that was %s, a list of transfers', (state) => {
  beforeAll(async () => {
    if (state === 'analyzed') await bed.sql('analyze micropay.transfers, micropay.transfer_keys, micropay.accounts');
  });

  it.each<[string, () => TransferListOptions, number]>([
    ['of the ledger', () => ({}), PAGE_MAX],
    ['of the ledger, oldest first', () => ({ order: 'oldest' }), PAGE_MAX],
    ['of an account', () => ({ account: 'users:1:usd' }), PAGE_MAX],
    ['of an account, oldest first', () => ({ account: 'users:1:usd', order: 'oldest' }), PAGE_MAX],
    ['of accounts below a path', () => ({ accountPath: 'users:1' }), SEARCHED_MAX],
    ['of two accounts', () => ({ account: 'users:1:usd', counterparty: 'world' }), SEARCHED_MAX],
    ['of an account from an instant', () => ({ account: 'users:1:usd', recordedFrom: middle }), SEARCHED_MAX],
    [
      'of an account before an instant',
      () => ({ account: 'users:1:usd', recordedTo: middle }),
      SEARCHED_MAX + HALVING_MAX,
    ],
    [
      'of an account from an instant, oldest first',
      () => ({ account: 'users:1:usd', recordedFrom: middle, order: 'oldest' }),
      SEARCHED_MAX + HALVING_MAX,
    ],
    ['of an account with words that nothing has', () => ({ account: 'users:1:usd', words: 'dinner' }), SEARCHED_MAX],
    ['of an account with an amount that nothing has', () => ({ account: 'users:1:usd', amountMin: 2n }), SEARCHED_MAX],
    ['of an account with a member', () => ({ account: 'users:1:usd', metadata: { n: 7 } }), SEARCHED_MAX],
    ['of an account and an effective time', () => ({ account: 'users:1:usd', effectiveTo: middle }), SEARCHED_MAX],
    ['of an account and a kind', () => ({ account: 'users:1:usd', kinds: ['hold'] }), SEARCHED_MAX],
    ['of a reference', () => ({ reference: 'order-1000' }), 51],
    ['of a reference, oldest first', () => ({ reference: 'order-1000', order: 'oldest' }), 51],
    ['of a reference and an account', () => ({ reference: 'order-1000', account: 'world' }), 51],
    ['of a path and a reference', () => ({ accountPath: 'users:1', reference: 'order-1' }), SEARCHED_MAX],
    ['of a path and a group', () => ({ accountPath: 'users:1', groupId: GROUP }), SEARCHED_MAX],
    ['of a path without transfers and a group', () => ({ accountPath: 'users:1:eur', groupId: GROUP }), 0],
    ['of a group', () => ({ groupId: GROUP, words: 'lunch' }), 2_000],
    ['of a key', () => ({ idempotencyKey: 'none' }), 1],
  ])('%s reads a bounded number of rows, on its first page and on a later one', async (_, filter, rowsMax) => {
    const options = { ...filter(), limit: 50 };
    await ledger.transfers.list(options);
    const first = { cursor: null as string | null };
    const nodes = await explained.nodesOf(async () => {
      first.cursor = (await ledger.transfers.list(options)).nextCursor;
    });
    expect(rowsRead(nodes, 'transfers')).toBeLessThanOrEqual(rowsMax);
    if (first.cursor === null) return;
    const { cursor } = first;
    const next = await explained.nodesOf(() => ledger.transfers.list({ ...options, cursor }));
    expect(rowsRead(next, 'transfers')).toBeLessThanOrEqual(rowsMax + HALVING_MAX);
  });
});
