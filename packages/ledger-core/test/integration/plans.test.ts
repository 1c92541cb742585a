import type { Ledger } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Explained, explainStatements, type PlanNode, rowsOf, rowsRead, tableOf } from '../support/explained.js';
import { useUpKeys } from '../support/long-journal.js';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
/** Enough for a plan that reads everything to look bad, whatever it does to it. */
const TRANSFERS = 100_000;
/** Versions that share a key of the history indexes. */
const BLOCK = 32;

let explained: Explained;
let ledger: Ledger;

beforeAll(async () => {
  explained = explainStatements(bed.url);
  ledger = bed.ledger({ database: explained.url });
  await openWallets(ledger, { hot: 0n, tepid: 0n });
  await fillJournal('hot', TRANSFERS);
  await fillJournal('tepid', 5_000);
}, 120_000);
afterAll(() => explained.stop());

/** Everybody pays to an account, which pays to everybody: written by SQL, which is quicker, and never analyzed. */
async function fillJournal(address: string, transfers: number): Promise<void> {
  const { id } = await ledger.accounts.get(address);
  await bed.sql('alter table micropay.transfers_1 set (autovacuum_enabled = off)');
  await bed.sql(
    `insert into micropay.transfers (recorded_at, from_version, to_version, ledger, kind, id, from_account, to_account,
       currency, amount, from_posted, to_posted, idempotency_hash)
     select now() + n * interval '1 ms', n, n, 1, 'transfer', gen_random_uuid(),
       case when n % 2 = 0 then $1::uuid else gen_random_uuid() end,
       case when n % 2 = 0 then gen_random_uuid() else $1::uuid end, 'USD', 1, n, n, gen_random_uuid()
     from generate_series(1, ${transfers}) n`,
    [id],
  );
  await useUpKeys(bed);
}

async function fillAccounts(ledgerName: string, count: number): Promise<void> {
  await bed.sql(
    `with account as (
       insert into micropay.accounts (ledger, id, address, type, currency, opened_at)
       select l.id, gen_random_uuid(), 'a:' || n, 'liability', 'USD', now()
       from micropay.ledgers l, generate_series(1, ${count}) n where l.name = $1 returning *
     )
     insert into micropay.balances (ledger, account_id, recorded_at, debit_normal, currency)
     select ledger, id, opened_at, false, currency from account`,
    [ledgerName],
  );
}

const isJournal = (node: PlanNode) => ['transfers', 'transfer_keys'].includes(tableOf(node) ?? '');

/** The nodes that touch the journal or its keys in the statements that `work` sends. */
async function journalNodesOf(work: () => Promise<unknown>): Promise<readonly PlanNode[]> {
  const nodes = await explained.nodesOf(work);
  const reads = nodes.filter((node) => isJournal(node) && node['Node Type'] !== 'ModifyTable');
  expect(reads.length).toBeGreaterThan(0);
  return nodes;
}

function expectNoReadOfAll(nodes: readonly PlanNode[], rowsMax: number): void {
  const rows = nodes.filter((node) => isJournal(node)).map(rowsOf);
  expect(nodes.filter((node) => /Seq Scan/.test(node['Node Type']) && isJournal(node))).toEqual([]);
  expect(Math.max(...rows)).toBeLessThanOrEqual(rowsMax);
}

/** The indexes that were read, each of a partition of the journal under its name without the partition's number. */
const indexesOf = (nodes: readonly PlanNode[]) =>
  new Set(
    nodes
      // The next partition has no row yet, and PostgreSQL may find that in any of its indexes.
      .filter((node) => node['Actual Loops'] > 0 && node['Relation Name'] !== 'transfers_50000001')
      .map((node) => node['Index Name']?.replace(/^transfers_\d+_/, 'transfers_'))
      .filter((name) => name?.startsWith('transfers_') || name?.startsWith('transfer_keys')),
  );

describe.each(['never analyzed', 'analyzed'])('with a journal that was %s', (state) => {
  beforeAll(async () => {
    if (state === 'analyzed') await bed.sql('analyze micropay.transfers, micropay.transfer_keys');
  });

  it('a page of entries comes from both history indexes, and is sorted within their blocks alone once they are known', async () => {
    let cursor = '';
    const first = await journalNodesOf(async () => {
      cursor = (await ledger.accounts.entries('hot', { limit: 50 })).nextCursor ?? '';
    });
    const second = await journalNodesOf(() => ledger.accounts.entries('hot', { limit: 50, cursor }));
    for (const nodes of [first, second]) {
      expect(indexesOf(nodes)).toEqual(new Set(['transfers_from_account_expr_idx', 'transfers_to_account_expr_idx']));
      if (state === 'analyzed') {
        expect(nodes.filter((node) => node['Node Type'] === 'Sort')).toEqual([]);
        expectNoReadOfAll(nodes, 50 + 2 * BLOCK);
      }
    }
  });

  it('a page of an account with fewer entries is not read with all of them', async () => {
    const second = await journalNodesOf(() => ledger.accounts.entries('tepid', { limit: 50 }));
    if (state === 'analyzed') expectNoReadOfAll(second, 50 + 2 * BLOCK);
  });

  it('a key is looked up in its unique index, by a lane and in a caller’s transaction', async () => {
    const request = { from: 'world', to: 'hot', amount: 1n, currency: 'USD', idempotencyKey: `k ${state}` };
    // More often than the five times after which PostgreSQL may settle for a generic plan.
    for (let time = 1; time <= 8; time += 1) {
      const nodes = await journalNodesOf(() => ledger.transfers.post({ ...request, scope: `${time}` }));
      expect(indexesOf(nodes)).toEqual(new Set(['transfer_keys_pkey']));
      expectNoReadOfAll(nodes, 1);
    }
    const client = new pg.Client({ connectionString: explained.url });
    await client.connect();
    await client.query('begin');
    const nodes = await journalNodesOf(() => ledger.within(fromPg(client)).transfers.post(request));
    await client.query('commit');
    await client.end();
    expect(indexesOf(nodes)).toEqual(new Set(['transfer_keys_pkey']));
  });

  it('a batch looks its keys and ids up one by one', async () => {
    const requests = Array.from({ length: 200 }, (_, index) => ({
      from: 'world',
      to: 'hot',
      amount: 1n,
      currency: 'USD',
      idempotencyKey: `k${index} ${state}`,
      id: `0190b7c4-000${state.length % 10}-7000-8000-${String(index).padStart(12, '0')}`,
    }));
    const nodes = await journalNodesOf(() => ledger.transfers.postMany(requests));
    expect(indexesOf(nodes)).toEqual(new Set(['transfer_keys_pkey', 'transfers_pkey']));
    expectNoReadOfAll(nodes, 200);
  });

  it('a key looks for the request that bears it among those that are not posted', async () => {
    const request = { from: 'world', to: 'hot', amount: 1n, currency: 'USD', idempotencyKey: `r ${state}` };
    await bed.sql(
      `insert into micropay.transfer_requests (requested_at, settled_at, ledger, state, id, transfer_id, idempotency_hash,
         request_hash, request)
       select now(), now(), 1, 'posted', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), n, '{}'
       from generate_series(1, 1000) n`,
    );
    if (state === 'analyzed') await bed.sql('analyze micropay.transfer_requests');
    const nodes = await journalNodesOf(() => ledger.transfers.post(request));
    const requests = nodes.filter((node) => node['Relation Name'] === 'transfer_requests');
    expect(requests.map((node) => node['Index Name'])).toEqual(['transfer_requests_unposted']);
    expect(requests.map(rowsOf)).toEqual([0]);
  });

  it('a linked group is found by its index', async () => {
    const legs = [{ from: 'world', to: 'hot', amount: 1n, currency: 'USD' }];
    const options = { idempotencyKey: `g ${state}` };
    await ledger.transfers.postLinked(legs, options);
    const nodes = await journalNodesOf(() => ledger.transfers.postLinked(legs, options));
    expect(indexesOf(nodes)).toEqual(
      new Set(['transfer_keys_pkey', 'transfers_ledger_position_idx', 'transfers_ledger_group_id_idx']),
    );
    // PostgreSQL 14 meets the one row twice.
    expectNoReadOfAll(nodes, 2);
  });

  it('a transfer is found by its id', async () => {
    const [row] = await bed.sql<{ id: string }>('select id from micropay.transfers limit 1');
    const nodes = await journalNodesOf(() => ledger.transfers.get(row?.id ?? ''));
    expect(indexesOf(nodes)).toEqual(new Set(['transfer_keys_pkey', 'transfers_pkey']));
  });
});

it('balances are locked and written by their key alone', async () => {
  const post = () => ledger.transfers.post({ from: 'world', to: 'hot', amount: 1n, currency: 'USD' });
  const scans = (await explained.nodesOf(post)).filter((node) => /Scan/.test(node['Node Type']));
  const ofBalances = scans.filter((node) => node['Relation Name'] === 'balances');
  expect(ofBalances.map((node) => node['Index Name'])).toEqual(['balances_pkey']);
});

it('a ledger that is younger than the statistics is verified without reading it for each of its rows', async () => {
  const rows = 1_000;
  await bed.sql('analyze');
  const young = bed.ledger({ database: explained.url, name: 'young' });
  await openWallets(young, { hot: 0n });
  await fillAccounts('young', rows);
  await bed.sql(
    `insert into micropay.transfers (recorded_at, from_version, to_version, ledger, kind, id, from_account, to_account,
       currency, amount, from_posted, to_posted, original_id)
     select now(), n, n, l.id, 'reversal', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'USD', 1, n, n, gen_random_uuid()
     from micropay.ledgers l, generate_series(1, ${rows}) n where l.name = 'young'`,
  );
  const trialBalanceAt = (by: 'recorded' | 'effective') => () => young.trialBalance({ at: new Date(), by });
  for (const work of [
    () => young.verify(),
    () => young.trialBalance(),
    trialBalanceAt('recorded'),
    trialBalanceAt('effective'),
  ]) {
    const tables = ['transfers', 'balances', 'accounts'];
    const nodes = await explained.nodesOf(work);
    const read = nodes.filter((node) => tables.includes(node['Relation Name'] ?? '')).map(rowsOf);
    expect(Math.max(...read)).toBeLessThan(50 * rows);
  }
});

describe('the history of one account in a ledger that is younger than the statistics', () => {
  const others = 5_000;
  let young: Ledger;

  /** Dated transfers among accounts of their own. */
  const fillDated = (name: string) =>
    bed.sql(
      `insert into micropay.transfers (recorded_at, effective_at, from_version, to_version, ledger, kind, id, from_account,
         to_account, currency, amount, from_posted, to_posted)
       select now(), now(), n, n, l.id, 'transfer', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'USD', 1, n, n
       from micropay.ledgers l, generate_series(1, ${others}) n where l.name = $1`,
      [name],
    );

  beforeAll(async () => {
    await fillDated('main');
    await fillAccounts('main', 4 * others);
    await bed.sql('analyze');
    young = bed.ledger({ database: explained.url, name: 'younger' });
    await openWallets(young, { payer: 1_000n, payee: 0n });
    await young.transfers.post({ from: 'payer', to: 'payee', amount: 1n, currency: 'USD', effectiveAt: new Date(0) });
    await young.holds.place({
      from: 'payer',
      to: 'payee',
      amount: 1n,
      currency: 'USD',
      expiresAt: new Date(Date.now() + 3_600_000),
    });
    await fillDated('younger');
    await fillAccounts('younger', others);
    await bed.sql(
      `insert into micropay.holds (ledger, id, from_account, to_account, currency, amount, captured, remaining, state, expires_at)
       select l.id, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'USD', 1, 0, 1, 'open', now() - interval '1 hour'
       from micropay.ledgers l, generate_series(1, ${others}) n where l.name = 'younger'`,
    );
  });

  const at = { at: new Date('2200-01-01T00:00:00Z') };
  const period = { from: new Date('1960-01-01T00:00:00Z'), to: at.at };

  it.each<[string, () => Promise<unknown>]>([
    ['account by its address', () => young.accounts.get('payer')],
    [
      'accounts by their addresses and ids',
      async () => young.accounts.identifyMany([await idOfPayer(), 'payer', 'nobody']),
    ],
    ['page of accounts', () => young.accounts.list({ prefix: 'pay' })],
    ['total below a path', () => young.accounts.aggregate({ path: 'payer' })],
    ['page of entries', () => young.accounts.entries('payer', { limit: 10 })],
    ['balance by recorded time', () => young.accounts.balanceAt('payer', at)],
    ['balance by effective time', () => young.accounts.balanceAt('payer', { ...at, by: 'effective' })],
    ['statement by recorded time', () => young.accounts.statement('payer', period)],
    ['statement by effective time', () => young.accounts.statement('payer', { ...period, by: 'effective' })],
    ['balance without the holds that are due', () => young.accounts.get('payer')],
    ['list of holds', () => young.holds.list('payer')],
    ['posting that looks for holds that are due', () => postTooMuch()],
  ])('the %s does not read the others', async (_, work) => {
    const nodes = await explained.nodesOf(work);
    const read = nodes
      .filter((node) => ['transfers', 'holds', 'accounts', 'balances'].includes(tableOf(node) ?? ''))
      .map(rowsOf);
    expect(read.length).toBeGreaterThan(0);
    expect(Math.max(...read)).toBeLessThan(50);
  });

  async function idOfPayer(): Promise<string> {
    return (await young.accounts.get('payer')).id;
  }

  it('a total over a ledger reads no accounts of others', async () => {
    for (const work of [() => young.trialBalance(), () => young.accounts.aggregate({ depth: 1 })]) {
      const nodes = await explained.nodesOf(work);
      expect(rowsRead(nodes, 'accounts')).toBe(others + 3);
    }
  });

  function postTooMuch(): Promise<unknown> {
    const post = young.transfers.post({ from: 'payer', to: 'payee', amount: 1_000n, currency: 'USD' });
    return expect(post).rejects.toEqual(refusal('insufficient_funds'));
  }

  it('a subscriber who has missed its events does not read those of other ledgers', async () => {
    const quiet = bed.ledger({ database: explained.url, name: 'quiet' });
    await openWallets(quiet, { a: 1n });
    await fillAccounts('quiet', others);
    const ending = new AbortController();
    const statements = await explained.statementsOf(async () => {
      for await (const events of await quiet.events.subscribe({ after: 0n, signal: ending.signal })) {
        if (events.length > 0) ending.abort();
      }
    });
    const missed = statements.filter(({ text }) => / position <= \$3 /.test(text)).flatMap(({ nodes }) => nodes);
    expect(rowsRead(missed, 'transfers')).toBe(1);
    expect(rowsRead(missed, 'accounts')).toBe(2);
    expect(rowsRead(missed, 'balances')).toBe(2);
  });

  it('its requests are found by id and settled without reading the others', async () => {
    const request = { from: 'payer', to: 'payee', amount: 1n, currency: 'USD' };
    const { id } = await young.requests.submit({ ...request, idempotencyKey: 'first' });
    await bed.sql(
      `insert into micropay.transfer_requests (requested_at, settled_at, ledger, state, id, transfer_id, idempotency_hash,
         request_hash, request)
       select now(), now(), l.id, 'posted', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), n, '{}'
       from micropay.ledgers l, generate_series(1, ${others}) n where l.name = 'younger'`,
    );
    for (const work of [() => young.requests.get(id), () => young.requests.processRequests()]) {
      expect(rowsRead(await explained.nodesOf(work), 'transfer_requests')).toBeLessThan(10);
    }
    expect(await young.requests.get(id)).toMatchObject({ state: 'posted' });
  });

  it('its holds that are due are found in order, without its other holds', async () => {
    const nodes = await explained.nodesOf(() => young.holds.expire().catch(() => undefined));
    const holds = nodes.filter((node) => node['Relation Name'] === 'holds').map((node) => node['Index Name']);
    expect(holds).toContain('holds_due');
  });
});
