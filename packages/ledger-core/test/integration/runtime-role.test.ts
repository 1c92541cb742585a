import { readFileSync } from 'node:fs';
import { type Ledger, migrate } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSound, openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const page = readFileSync(new URL('../../../../docs/how-to/runtime-role.md', import.meta.url), 'utf8');
/** Roles belong to the server and not to the database, so each run has a name of its own. */
const role = `micropay_app_${process.pid}`;
const grants = (/```sql\n([\s\S]+?)```/.exec(page)?.[1] ?? '').replaceAll('micropay_app', role);

let url: string;
let ledger: Ledger;
let client: pg.Client;

beforeAll(async () => {
  await bed.sql(grants);
  const changed = new URL(bed.url);
  changed.username = role;
  changed.password = 'change-me';
  url = changed.href;
  ledger = bed.ledger({ database: url, name: 'new' });
  client = new pg.Client({ connectionString: url });
  await client.connect();
});
afterAll(async () => {
  await ledger.close();
  await client.end();
  await bed.sql(`drop owned by ${role}; drop role ${role}`);
});

const pay = { from: 'alice', to: 'world', amount: 1n, currency: 'USD', idempotencyKey: 'k' };

describe('the documented role', () => {
  it('the documented role runs everything that the ledger does', async () => {
    await ledger.check();
    await ledger.currencies.register({ code: 'POINTS', scale: 0 });
    await openWallets(ledger, { alice: 100n });
    await ledger.accounts.ensure({ address: 'alice', currency: 'USD' });
    await ledger.transfers.post(pay);
    expect(await ledger.transfers.post(pay)).toMatchObject({ replayed: true });
    await ledger.transfers.postLinked([{ from: 'alice', to: 'world', amount: 1n, currency: 'USD' }]);
    const order = { ...pay, idempotencyKey: 'later' };
    const { id } = await ledger.requests.submit(order);
    expect(await ledger.requests.processRequests()).toEqual({ posted: 1, refused: 0, putOff: 0 });
    expect(await ledger.requests.get(id)).toMatchObject({ state: 'posted' });
    await ledger.accounts.freeze('alice');
    await ledger.accounts.unfreeze('alice');
    await ledger.accounts.setLimits('alice', { minimum: -5n });
    expect((await ledger.accounts.entries('alice')).data).toHaveLength(4);
    const { id: hold } = await ledger.holds.place({ from: 'alice', to: 'world', amount: 2n, currency: 'USD' });
    const captured = await ledger.holds.capture(hold, { amount: 1n, final: true });
    await ledger.transfers.reverse(captured.id, { allowOverdraft: { by: 'test' } });
    expect(await ledger.holds.expire()).toBe(0);
    expect((await ledger.accounts.list()).data).toHaveLength(2);
    expect((await ledger.currencies.get('POINTS')).scale).toBe(0);
    await ledger.setTimeZone('Europe/Berlin');
    await ledger.checkpoints.rebuild();
    expect((await ledger.accounts.balanceAt('alice', { at: '9999-12-31', by: 'effective' })).posted).toBe(97n);
    await expectSound(ledger);
  });

  it('the documented role works in a transaction of the caller’s', async () => {
    await client.query('begin');
    const inside = ledger.within(fromPg(client));
    await inside.accounts.open({ address: 'bob', currency: 'USD' });
    await inside.transfers.post({ from: 'alice', to: 'bob', amount: 5n, currency: 'USD' });
    await client.query('commit');
    expect((await ledger.accounts.get('bob')).posted).toBe(5n);
  });

  it.each([
    'update micropay.transfers set amount = 1',
    'delete from micropay.transfers',
    'truncate micropay.transfers',
    `update micropay.events set data = '{}'`,
    'delete from micropay.events',
    `update micropay.transfer_requests set request = '{}'`,
    'delete from micropay.transfer_requests',
    'delete from micropay.balances',
    'delete from micropay.accounts',
    `update micropay.accounts set address = 'mine'`,
    `update micropay.balances set currency = 'EUR'`,
    'update micropay.balances set debit_normal = not debit_normal',
    `select setval('micropay.event_position', 1)`,
    'alter table micropay.transfers disable trigger transfers_append_only',
    'set session_replication_role = replica',
    'create table micropay.mine (id int)',
    'drop table micropay.transfers',
  ])('the documented role may not %s', async (statement) => {
    await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('the documented role may not migrate', async () => {
    await expect(migrate({ database: url })).rejects.toEqual(
      refusal('database_misconfigured', { details: { reason: 'grants' } }),
    );
  });
});
