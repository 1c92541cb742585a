import { setTimeout as sleep } from 'node:timers/promises';
import { createLedger, createRelay, createRequestWorker, type LedgerEvent, migrate } from '@micropay/ledger-core';
import {
  type DatabaseProxy,
  type LocalPostgres,
  type LocalReplica,
  startDatabaseProxy,
  startReplica,
  startTemporaryPostgres,
} from '@micropay/local-postgres';
import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createRecordingPublisher } from '../support/recording-publisher.js';

// Everything in this package that keeps a connection, before and after an address leads to another server.

const SOON = { timeout: 20_000 };

let primary: LocalPostgres;
let replica: LocalReplica;
let proxy: DatabaseProxy;

beforeEach(async () => {
  primary = await startTemporaryPostgres({ durable: false });
  await migrate({ database: primary.url });
  replica = await startReplica(primary, { synchronous: true });
  proxy = await startDatabaseProxy(primary.url);
});
afterEach(async () => {
  await proxy.close();
  replica.stop();
  primary.stop();
});

async function sqlOn(url: string, ...texts: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  let rows: readonly Record<string, unknown>[] = [];
  for (const text of texts) ({ rows } = await client.query(text));
  await client.end();
  return rows;
}

it.each([
  [
    'is read-only, and its connections stay open',
    () => sqlOn(primary.url, 'alter system set default_transaction_read_only = on', 'select pg_reload_conf()'),
  ],
  ['hangs', () => proxy.silence()],
])(
  'every holder of a connection continues at the new server when the old one %s',
  async (_name, fence) => {
    const ledger = createLedger({ database: proxy.url });
    const publisher = createRecordingPublisher();
    const relay = createRelay({ database: proxy.url, sink: 'sink', publisher, pollMs: 50 });
    const worker = createRequestWorker({ ledger, pollMs: 50 });
    for (const address of ['world:a', 'world:b']) await ledger.accounts.open({ address, currency: 'USD' });
    const order = { from: 'world:a', to: 'world:b', amount: 1n, currency: 'USD' };
    const post = (idempotencyKey: string) => ledger.transfers.post({ ...order, idempotencyKey });
    const seen: LedgerEvent[] = [];
    const following = new AbortController();
    const subscription = await ledger.events.subscribe({ signal: following.signal });
    const follower = (async () => {
      for await (const events of subscription) seen.push(...events);
    })();
    relay.start();
    worker.start();
    await post('before');
    await ledger.verify();
    await ledger.checkpoints.advance();
    await expect.poll(() => [seen.length, publisher.first().length], SOON).toEqual([3, 5]);

    await fence();
    const meanwhile = post('meanwhile').catch(String);
    await sleep(500);
    await replica.promote();
    proxy.switchTo(replica.url);

    await expect.poll(() => post('meanwhile').catch(String), SOON).toMatchObject({ amount: 1n });
    // From the first write on, whatever is read is the new server's.
    expect((await ledger.accounts.get('world:a')).posted).toBe(2n);
    await ledger.requests.submit({ ...order, idempotencyKey: 'requested' });
    await expect.poll(async () => (await ledger.accounts.get('world:a')).posted, SOON).toBe(3n);
    await expect.poll(() => [seen.length, publisher.first().length], SOON).toEqual([10, 12]);
    expect(await relay.status()).toMatchObject({ isLeader: true, rows: 0 });
    expect(await ledger.verify()).toMatchObject({ ok: true, transfers: 3 });
    expect(await ledger.checkpoints.advance()).toMatchObject({ interrupted: false });
    await ledger.check();

    await meanwhile;
    following.abort();
    await Promise.all([follower, worker.stop(), relay.stop()]);
    await ledger.close();
  },
  120_000,
);

it('what the new server lacks, as an asynchronous standby may, is known no longer', async () => {
  const standby = await startReplica(primary, { synchronous: false });
  const ledger = createLedger({ database: proxy.url, name: 'late' });
  try {
    await expect.poll(() => sqlOn(standby.url, 'select 1 from micropay.migrations limit 1'), SOON).toHaveLength(1);
    const alone = [`alter system set primary_conninfo = ''`, 'alter system reset synchronous_standby_names'];
    await sqlOn(standby.url, ...alone, 'select pg_reload_conf()');
    const open = () =>
      Promise.all(['world:a', 'world:b'].map((address) => ledger.accounts.open({ address, currency: 'USD' })));
    const post = (idempotencyKey: string) =>
      ledger.transfers.post({ from: 'world:a', to: 'world:b', amount: 1n, currency: 'USD', idempotencyKey });
    await open();
    await post('lost');
    await standby.promote();
    proxy.switchTo(standby.url);
    await sqlOn(primary.url, 'alter system set default_transaction_read_only = on', 'select pg_reload_conf()');

    await expect.poll(() => post('found').catch(({ code }) => code), SOON).toBe('account_not_found');
    await open();
    expect(await post('found')).toMatchObject({ amount: 1n });
    expect(await ledger.verify()).toMatchObject({ ok: true, transfers: 1 });
  } finally {
    await ledger.close();
    standby.stop();
  }
}, 120_000);

it('a server that ends one session is asked anew by all: no idle connection to it is used again', async () => {
  const ledger = createLedger({ database: primary.url });
  await Promise.all([1, 2, 3, 4].map(() => ledger.check()));
  await ledger.accounts.open({ address: 'world:a', currency: 'USD' });
  const pids = async () =>
    (await sqlOn(primary.url, `select pid from pg_stat_activity where application_name = 'micropay'`)).map(
      ({ pid }) => pid as number,
    );
  const before = await pids();
  await sqlOn(primary.url, `select pg_terminate_backend(${before[0]})`);
  await expect.poll(async () => (await pids()).filter((pid) => before.includes(pid)), SOON).toEqual([]);
  expect((await ledger.accounts.get('world:a')).posted).toBe(0n);
  await ledger.close();
});

it('a standby is refused by every new connection, even for reads', async () => {
  const ledger = createLedger({ database: replica.url });
  const refusal = { code: 'database_unavailable', retryable: true, cause: { code: '25006' } };
  await expect(ledger.accounts.get('world:a')).rejects.toMatchObject(refusal);
  await expect(ledger.check()).rejects.toMatchObject(refusal);
  await ledger.close();
});
