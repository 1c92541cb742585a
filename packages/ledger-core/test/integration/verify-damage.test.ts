import { randomBytes } from 'node:crypto';
import { createLedger, type Ledger } from '@micropay/ledger-core';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openWallets } from '../support/test-bed.js';

/** An honest book, of which each test damages a copy. */
let original: TestDatabase;
/** From where copies are made: nobody may be connected to what is copied. */
let admin: TestDatabase;
const ids: Record<string, string> = {};

beforeAll(async () => {
  original = await createTestDatabase();
  admin = await createEmptyDatabase();
  const ledger = createLedger({ database: original.url });
  await openWallets(ledger, { alice: 0n, shop: 0n });
  const between = { from: 'alice', to: 'shop', currency: 'USD' };
  ids.deposit = (await ledger.transfers.post({ from: 'world', to: 'alice', amount: 1_000n, currency: 'USD' })).id;
  ids.payment = (await ledger.transfers.post({ ...between, amount: 100n })).id;
  ids.hold = (await ledger.holds.place({ ...between, amount: 50n })).id;
  ids.capture = (await ledger.holds.capture(ids.hold, { amount: 20n })).id;
  const final = await ledger.holds.place({ ...between, amount: 30n });
  ids.final = (await ledger.holds.capture(final.id, { amount: 10n, final: true })).id;
  const given = await ledger.holds.place({ ...between, amount: 40n });
  ids.release = (await ledger.holds.release(given.id)).id;
  ids.reversal = (await ledger.transfers.reverse(ids.payment, { amount: 60n })).id;
  ids.refund = (await ledger.transfers.reverse(ids.capture)).id;
  ids.last = (await ledger.transfers.post({ ...between, amount: 5n })).id;
  for (const address of ['world', 'alice', 'shop']) ids[address] = (await ledger.accounts.get(address)).id;
  const { transferId } = await ledger.requests.submit({ ...between, amount: 1n, idempotencyKey: 'asked' });
  const refused = await ledger.requests.submit({ ...between, amount: 9_999n, idempotencyKey: 'asked for too much' });
  expect(await ledger.requests.processRequests()).toEqual({ posted: 1, refused: 1, putOff: 0 });
  Object.assign(ids, { asked: transferId, refused: refused.transferId });
  await ledger.accounts.setLimits('shop', { maximum: 5_000n });
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  ids.late = (await ledger.accounts.open({ address: 'late', currency: 'USD' })).id;
  await ledger.close();
});
afterAll(async () => {
  await original?.drop();
  await admin?.drop();
});

/** Runs work on a copy of the honest book. */
async function onCopy<Result>(work: (ledger: Ledger, intruder: pg.Client) => Promise<Result>): Promise<Result> {
  const name = `micropay_copy_${randomBytes(6).toString('hex')}`;
  const url = new URL(original.url);
  const source = url.pathname.slice(1);
  url.pathname = `/${name}`;
  await onConnection(admin.url, (client) => client.query(`create database ${name} template ${source}`));
  const ledger = createLedger({ database: url.href });
  try {
    return await onConnection(url.href, async (intruder) => {
      // Triggers do not fire for a replica: this is how somebody with all rights would do damage.
      await intruder.query('set session_replication_role = replica; set search_path = micropay');
      return work(ledger, intruder);
    });
  } finally {
    await ledger.close();
    await onConnection(admin.url, (client) => client.query(`drop database ${name} with (force)`));
  }
}

async function onConnection<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

it('finds nothing wrong with holds, captures, releases and reversals', async () => {
  const { problems, transfers } = await onCopy((ledger) => ledger.verify({ entriesPerChunk: 2 }));
  expect({ problems, transfers }).toEqual({ problems: [], transfers: 12 });
});

const EXTRA = `insert into transfers (position, recorded_at, from_version, to_version, ledger, kind, id, from_account, to_account,
    currency, amount, from_posted, to_posted)
  select nextval('event_position'), recorded_at, from_version + 1, to_version + 1, ledger, kind, :extra, from_account,
    to_account, currency, amount, from_posted - amount, to_posted + amount from transfers where id = :last`;

it.each<[string, string, readonly string[]]>([
  ['a changed row', 'update transfers set amount = 101 where id = :payment', ['wrong_running_balance alice payment']],
  [
    'a missing row',
    'delete from transfers where id = :payment',
    ['version_gap alice hold', 'unknown_original shop reversal'],
  ],
  ['a missing last row', 'delete from transfers where id = :last', ['wrong_balance alice -', 'wrong_balance shop -']],
  // It continues the last one on both sides, so that only the balances tell of it.
  ['an extra row', EXTRA, ['wrong_balance alice -', 'wrong_balance shop -']],
  [
    'a wrong balance',
    'update balances set debits_posted = debits_posted - 1 where account_id = :alice',
    ['wrong_balance alice -'],
  ],
  ['a hold with less left', 'update holds set remaining = 29 where id = :hold', ['hold_out_of_step alice hold']],
  ['a hold with less captured', 'update holds set captured = 19 where id = :hold', ['hold_out_of_step alice hold']],
  [
    'a hold that was closed',
    `update holds set remaining = 0, state = 'released' where id = :hold`,
    ['hold_out_of_step alice hold'],
  ],
  ['a missing hold', 'delete from holds where id = :hold', ['hold_out_of_step alice hold']],
  [
    'a hold that nobody placed',
    `insert into holds select ledger, :extra, from_account, to_account, currency, 1, 0, 1, 'open' from holds where id = :hold`,
    ['hold_out_of_step alice extra'],
  ],
  [
    'a held balance that no hold explains',
    'update transfers set from_pending_out = 51 where id = :hold',
    ['wrong_running_pending alice hold', 'wrong_running_pending alice capture'],
  ],
  [
    'a final capture that gave back less',
    'update transfers set released = 19 where id = :final',
    ['wrong_running_pending alice final', 'wrong_running_pending shop final'],
  ],
  [
    'a capture of another hold',
    'update transfers set original_id = :release where id = :capture',
    ['unknown_original alice capture'],
  ],
  [
    'reversals beyond their transfer',
    'update transfers set original_id = :capture where id = :reversal',
    ['excess_reversal shop reversal', 'excess_reversal shop refund'],
  ],
  [
    'a reversal that no longer counts as one',
    `update transfers set kind = 'transfer' where id = :reversal`,
    ['unknown_original shop reversal'],
  ],
  [
    'a minimum that nobody lowered',
    'update balances set minimum = -500 where account_id = :alice',
    ['wrong_limits alice -'],
  ],
  [
    'a change of limits that is no longer told',
    `delete from events where subject = :shop and type = 'account.limits_changed.v1'`,
    ['wrong_limits shop -'],
  ],
  [
    'a request that was refused and says that it is posted',
    `update transfer_requests set state = 'posted', refusal = null where transfer_id = :refused`,
    ['request_out_of_step - refused'],
  ],
  [
    'a row at another position, where readers of the past and of events look for it',
    `update transfers set position = nextval('event_position') where id = :payment`,
    ['position_out_of_order alice hold', 'position_out_of_order shop hold'],
  ],
  [
    'a key that leads elsewhere',
    `update transfer_keys set position = 1 where kind = 'idempotency'`,
    ['key_out_of_step alice asked'],
  ],
  [
    'a key that is gone, by which the same could be posted again',
    `delete from transfer_keys where kind = 'idempotency'`,
    ['key_out_of_step alice asked'],
  ],
  [
    'a key that nothing has used, which could never be used',
    `insert into transfer_keys (position, ledger, key, kind)
     select position, ledger, gen_random_uuid(), 'idempotency' from transfers where id = :last`,
    ['key_out_of_step alice last'],
  ],
  [
    'an id that leads elsewhere',
    `update transfer_keys set position = (select position from transfers where id = :last) where key = :asked`,
    ['key_out_of_step alice last'],
  ],
  [
    'a version gap',
    'update transfers set from_version = from_version + 3 where id = :last',
    ['version_gap alice last'],
  ],
  [
    'an unbalanced total',
    'update balances set credits_posted = credits_posted + 1 where account_id = :shop',
    ['wrong_balance shop -', 'unbalanced_totals - -'],
  ],
  ['a missing event', 'delete from events where subject = :late', ['missing_event late -']],
])('names %s', async (_, damage, expected) => {
  const names: Record<string, string> = { ...ids, extra: '0192ffff-0000-7000-8000-000000000000' };
  const statement = damage.replaceAll(/:(\w+)/g, (_match, name: string) => `'${names[name]}'`);
  const nameOf = (id: string | null) => Object.keys(names).find((name) => names[name] === id) ?? '-';
  const problems = await onCopy(async (ledger, intruder) => {
    const { rowCount } = await intruder.query(statement);
    expect(rowCount).toBe(1);
    return (await ledger.verify()).problems;
  });
  const found = problems.map(({ kind, accountId, transferId }) => `${kind} ${nameOf(accountId)} ${nameOf(transferId)}`);
  expect(found).toEqual(expect.arrayContaining([...expected]));
});
