import type { Ledger } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;

beforeAll(() => {
  ledger = bed.ledger();
});

interface EventRow {
  readonly position: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

async function eventsOf(address: string): Promise<readonly EventRow[]> {
  return bed.sql<EventRow & Record<string, unknown>>(
    `select e.position, e.type, e.data from micropay.events e
     join micropay.accounts a on a.ledger = e.ledger and a.id = e.subject where a.address = $1 order by e.position`,
    [address],
  );
}

const typesOf = async (address: string) => (await eventsOf(address)).map(({ type }) => type);

describe('an event row', () => {
  it('an event row reports an account that was opened, with its type and currency', async () => {
    await ledger.accounts.open({ address: 'world', currency: 'USD' });
    await ledger.accounts.open({ address: 'a', currency: 'USD', type: 'equity', minimum: -5n, maximum: 10n ** 37n });
    expect(await eventsOf('a')).toEqual([
      {
        position: expect.any(String),
        type: 'account.opened.v1',
        data: { address: 'a', type: 'equity', currency: 'USD', minimum: '-5', maximum: `${10n ** 37n}` },
      },
    ]);
  });

  it('an event row reports every freeze and unfreeze that changes something', async () => {
    await ledger.accounts.open({ address: 'b', currency: 'USD' });
    await ledger.accounts.unfreeze('b');
    await ledger.accounts.freeze('b', { side: 'debits' });
    await ledger.accounts.freeze('b', { side: 'debits' });
    await ledger.accounts.freeze('b');
    await ledger.accounts.unfreeze('b');
    const rows = await eventsOf('b');
    expect(rows.map(({ type, data }) => [type, data.from ?? null, data.to ?? null])).toEqual([
      ['account.opened.v1', null, null],
      ['account.frozen.v1', 'open', 'frozen_debits'],
      ['account.frozen.v1', 'frozen_debits', 'frozen'],
      ['account.unfrozen.v1', 'frozen', 'open'],
    ]);
  });

  it('an event row is not there for what was refused or rolled back', async () => {
    const before = await bed.sql<{ events: number }>('select count(*)::int as events from micropay.events');
    await expect(ledger.accounts.open({ address: 'a', currency: 'USD' })).rejects.toEqual(refusal('account_exists'));
    const client = await bed.connect();
    await client.query('begin');
    await ledger.within(fromPg(client)).accounts.open({ address: 'c', currency: 'USD' });
    await client.query('rollback');
    expect(await bed.sql('select count(*)::int as events from micropay.events')).toEqual(before);
  });

  it('an event row has an id of its own', async () => {
    const [ids] = await bed.sql<{ all: number; different: number }>(
      'select count(*)::int as all, count(distinct id)::int as different from micropay.events',
    );
    expect(ids?.different).toBe(ids?.all);
  });
});

describe('positions', () => {
  it('positions go up with the version of each account, whatever engine wrote them', async () => {
    await openWallets(ledger, { hot: 0n });
    const engines = Array.from({ length: 4 }, () => bed.ledger({ capacity: { batchSizeMax: 5 } }));
    const post = { from: 'world', to: 'hot', amount: 1n, currency: 'USD' };
    await Promise.all(
      engines.flatMap((engine, index) =>
        Array.from({ length: 50 }, (_, number) =>
          engine.transfers.post({ ...post, idempotencyKey: `${index} ${(number * 7) % 50}` }),
        ),
      ),
    );
    const rows = await bed.sql<{ version: string }>(
      `select to_version as version from micropay.transfers t join micropay.accounts a on a.id = t.to_account
       where a.address = 'hot' order by t.position`,
    );
    expect(rows.map(({ version }) => Number(version))).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });

  it('domain events and transfers share one order of positions: opened, then used, frozen, and used again', async () => {
    await openWallets(ledger, { dora: 5n });
    await ledger.accounts.freeze('dora', { side: 'debits' });
    await ledger.transfers.post({ from: 'world', to: 'dora', amount: 1n, currency: 'USD' });
    const order = await bed.sql<{ what: string }>(
      `with dora as (select id from micropay.accounts where address = 'dora')
       select 'transfer' as what, t.position from micropay.transfers t, dora where t.to_account = dora.id
       union all select type, e.position from micropay.events e, dora where e.subject = dora.id order by 2`,
    );
    expect(order.map(({ what }) => what)).toEqual(['account.opened.v1', 'transfer', 'account.frozen.v1', 'transfer']);
  });

  it('positions are drawn one by one: a sequence with a cache would hand them out ahead of their time', async () => {
    const [sequence] = await bed.sql<{ cache: string }>(
      `select cache_size as cache from pg_sequences where schemaname = 'micropay' and sequencename = 'event_position'`,
    );
    expect(sequence?.cache).toBe('1');
  });

  it('a domain event and a transfer never share a position', async () => {
    const [shared] = await bed.sql<{ shared: number }>(
      'select count(*)::int as shared from micropay.events join micropay.transfers using (position)',
    );
    expect(shared?.shared).toBe(0);
    expect(await typesOf('world')).toEqual(['account.opened.v1']);
  });
});
