import { type Account, createRelay, type Ledger, type Relay } from '@micropay/ledger-core';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useOwnPostgres } from '../support/own-postgres.js';
import { createRecordingPublisher } from '../support/recording-publisher.js';
import { SLOW_POST, slowPost, takeTransactionId } from '../support/sql-writer.js';

// Transactions that may make readers of the log wait at a gap, and transactions that may not.

const bed = useOwnPostgres();
let ledger: Ledger;
let relay: Relay;
const publisher = createRecordingPublisher();
const accounts: Account[] = [];

beforeAll(async () => {
  await bed.sql(`alter system set max_prepared_transactions = 10`);
  await bed.server.restart();
  await bed.sql(SLOW_POST);
  ledger = bed.ledger();
  for (let number = 0; number < 20; number += 1) {
    accounts.push(await ledger.accounts.open({ address: `world:${number}`, currency: 'USD' }));
  }
  relay = createRelay({ database: bed.url, sink: 'held-up', publisher, pollMs: 20 });
  relay.start();
});
afterAll(() => relay?.stop());

/** Two accounts that nothing else has touched. */
function pair() {
  const [from, to] = accounts.splice(0, 2).map(({ id }) => id);
  if (from === undefined || to === undefined) throw new Error('open more accounts');
  return { from, to };
}

/** A position that is drawn and never written, and a row behind it. */
async function leaveGap(): Promise<void> {
  const writer = await bed.connect();
  await writer.query('begin');
  await slowPost(writer, pair());
  await writer.query('rollback');
  await slowPost(writer, pair());
}

/** All readers of the log pass the gap: the relay, a subscription and the checkpoints. */
async function expectToPass(): Promise<void> {
  await expect.poll(async () => (await relay.status()).rows, { timeout: 20_000 }).toBe(0);
  const { last } = await ledger.events.range();
  expect(await ledger.checkpoints.advance()).toMatchObject({ interrupted: false });
  const ends = AbortSignal.timeout(20_000);
  const subscription = await bed.ledger().events.subscribe({ after: last - 1n, signal: ends });
  const { value } = await subscription[Symbol.asyncIterator]().next();
  expect(value?.at(-1)?.position).toBe(last);
}

it('a transaction of another database holds no reader up, whatever it has written', async () => {
  await bed.server.database('another');
  const url = new URL(bed.url);
  url.pathname = '/another';
  const other = new pg.Client({ connectionString: url.href });
  other.on('error', () => undefined);
  await other.connect();
  await other.query('begin');
  await takeTransactionId(other);
  await leaveGap();
  await expectToPass();
  await other.query('commit');
  await other.end();
});

it('a transaction of this database that has drawn no position holds no reader up', async () => {
  const writer = await bed.connect();
  await writer.query('begin');
  await takeTransactionId(writer);
  await writer.query('create temporary table notes (id int)');
  await leaveGap();
  await expectToPass();
  await writer.query('rollback');
});

it('a transaction that has drawn a position holds readers up until it ends, and is named', async () => {
  const writer = await bed.connect();
  await writer.query(`set application_name = 'a slow caller'`);
  await writer.query('begin');
  const drawn = pair();
  await slowPost(writer, drawn);
  await leaveGap();
  const [{ pid } = { pid: 0 }] = (await writer.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
  const named = { pid, preparedAs: null, application: 'a slow caller', database: 'postgres' };
  await expect.poll(() => relay.status()).toMatchObject({ isHeldUp: true, heldUpBy: named });
  const oldest = await ledger.events.oldestWriter();
  expect(oldest).toMatchObject(named);
  expect(oldest?.since).toBeInstanceOf(Date);
  expect((await ledger.checkpoints.advance()).interrupted).toBe(true);
  await writer.query('commit');
  await expectToPass();
  expect(publisher.first().some(({ type, subject }) => type === 'balance.changed.v1' && subject === drawn.from)).toBe(
    true,
  );
  expect(await ledger.events.oldestWriter()).toBeNull();
});

it('a prepared transaction that has drawn a position holds readers up, and is named', async () => {
  const writer = await bed.connect();
  await writer.query('begin');
  const drawn = pair();
  await slowPost(writer, drawn);
  await writer.query(`prepare transaction 'two phases'`);
  await writer.end();
  await leaveGap();
  await expect
    .poll(() => relay.status())
    .toMatchObject({ isHeldUp: true, heldUpBy: { pid: null, preparedAs: 'two phases', database: 'postgres' } });
  await bed.sql(`commit prepared 'two phases'`);
  await expectToPass();
  expect(publisher.first().some(({ type, subject }) => type === 'balance.changed.v1' && subject === drawn.from)).toBe(
    true,
  );
});
