import { setTimeout as delay } from 'node:timers/promises';
import { type Account, createRelay, type Ledger } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import type pg from 'pg';
import { beforeAll, expect, it } from 'vitest';
import { isLong } from '../support/counts.js';
import { useOwnPostgres } from '../support/own-postgres.js';
import { createRecordingPublisher, sequenceFaults } from '../support/recording-publisher.js';
import { SLOW_POST, slowPost, takeTransactionId } from '../support/sql-writer.js';
import { userCreated } from '../support/user-created.js';

// Writers in many ledgers that are slow at every point where it matters, against two relays of one sink that are killed all the while.

const RUN_MS = isLong ? 20_000 : 2_000;
const KILL_EVERY_MS = 150;
/** Every tenth delivery fails, and a failure costs a new lead. */
const CATCH_UP_MS = isLong ? 120_000 : 30_000;
const LEDGERS = 50;
/** In each ledger: so few that the writers of one meet. */
const ACCOUNTS = 3;
/** Of the writes, those in the first two ledgers: some are busy and most are not. */
const BUSY_SHARE = 0.4;

const bed = useOwnPostgres();
/** A ledger and its accounts. */
interface Book {
  readonly ledger: Ledger;
  readonly accounts: readonly Account[];
}

let first: Ledger;
const books: Book[] = [];

beforeAll(async () => {
  await bed.sql(SLOW_POST);
  first = bed.ledger();
  for (let number = 0; number < LEDGERS; number += 1) {
    const ledger = first.inLedger(`book-${number}`);
    const accounts: Account[] = [];
    for (let each = 0; each < ACCOUNTS; each += 1) {
      accounts.push(await ledger.accounts.open({ address: `world:${each}`, currency: 'USD' }));
    }
    books.push({ ledger, accounts });
  }
});

function randomMs(max: number): Promise<void> {
  return delay(Math.random() * max);
}

function anyBook(): Book {
  const among = Math.random() < BUSY_SHARE ? 2 : LEDGERS;
  return books[Math.floor(Math.random() * among)] as Book;
}

function twoAccounts({ accounts }: Book) {
  const first = Math.floor(Math.random() * ACCOUNTS);
  const second = (first + 1 + Math.floor(Math.random() * (ACCOUNTS - 1))) % ACCOUNTS;
  return { from: (accounts[first] as Account).id, to: (accounts[second] as Account).id };
}

/** One in ten is rolled back. */
async function end(client: pg.Client): Promise<void> {
  await client.query(Math.random() < 0.1 ? 'rollback' : 'commit');
}

async function writeInSql(client: pg.Client): Promise<void> {
  await client.query('begin');
  if (Math.random() < 0.5) await takeTransactionId(client);
  await randomMs(5);
  if (Math.random() < 0.3) {
    await client.query('savepoint one');
    await slowPost(client, { ...twoAccounts(anyBook()), waitSeconds: Math.random() * 0.005 });
    if (Math.random() < 0.5) await client.query('rollback to savepoint one');
  } else {
    await slowPost(client, { ...twoAccounts(anyBook()), waitSeconds: Math.random() * 0.005 });
  }
  await randomMs(5);
  await end(client);
}

async function writeWithin(client: pg.Client): Promise<void> {
  await client.query('begin');
  if (Math.random() < 0.5) await takeTransactionId(client);
  await randomMs(5);
  const book = anyBook();
  const within = book.ledger.within(fromPg(client));
  await within.transfers.post({ ...twoAccounts(book), amount: 1n, currency: 'USD' });
  if (Math.random() < 0.1) {
    const userId = book.accounts[0]?.id as string;
    await within.events.write(userCreated, { subject: userId, data: { userId } });
  }
  await randomMs(5);
  await end(client);
}

async function writeByEngine(): Promise<void> {
  const book = anyBook();
  await book.ledger.transfers.post({ ...twoAccounts(book), amount: 1n, currency: 'USD' });
  await randomMs(5);
}

/** Deadlocks of callers' own transactions and a lane that is kept waiting are no concern here. */
async function unlessRefused(client: pg.Client | undefined, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined || !['40P01', 'transaction_conflict', 'account_busy'].includes(code)) throw error;
    await client?.query('rollback');
  }
}

async function writer(number: number, until: number): Promise<void> {
  const client = number % 4 === 3 ? undefined : await bed.connect();
  while (Date.now() < until) {
    await unlessRefused(client, () => {
      if (client === undefined) return writeByEngine();
      return number % 4 === 2 ? writeWithin(client) : writeInSql(client);
    });
  }
  await client?.end();
}

async function killRelays(until: number): Promise<number> {
  let killed = 0;
  while (Date.now() < until) {
    await randomMs(2 * KILL_EVERY_MS);
    const rows = await bed.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'relay'`,
    );
    killed += rows.length;
  }
  return killed;
}

it.each([2, 4, 16, 64])(
  'loses no event and keeps each account in order with %i writers over 50 ledgers while relays are killed',
  async (writers) => {
    const sink = `sink-${writers}`;
    const publisher = createRecordingPublisher({
      before: () => randomMs(3),
      async after() {
        // Events that were delivered and not acknowledged are delivered again.
        if (Math.random() < 0.1) throw new Error('the answer was lost');
      },
    });
    const relays = [1, 2].map(() =>
      createRelay({
        database: { connectionString: bed.url, application_name: 'relay' },
        sink,
        publisher,
        batchSizeMax: 50,
        pollMs: 20,
      }),
    );
    for (const relay of relays) {
      relay.start();
      first.onCommit(relay.wake);
    }
    try {
      const until = Date.now() + RUN_MS;
      const [killed] = await Promise.all([
        killRelays(until),
        ...Array.from({ length: writers }, (_, number) => writer(number, until)),
      ]);
      expect(killed).toBeGreaterThan(3);
      await expect.poll(async () => (await relays[0]?.status())?.rows, { timeout: CATCH_UP_MS }).toBe(0);
    } finally {
      await Promise.all(relays.map((relay) => relay.stop()));
    }

    const delivered = publisher.first();
    const [journal] = await bed.sql<{ transfers: number; events: number }>(
      'select (select count(*) from micropay.transfers)::int as transfers, (select count(*) from micropay.events)::int as events',
    );
    expect(sequenceFaults(delivered)).toEqual([]);
    expect(delivered.length).toBe(3 * (journal?.transfers ?? 0) + (journal?.events ?? 0));
    expect(contradictions(publisher.deliveries.flat())).toEqual([]);
  },
  CATCH_UP_MS + 90_000,
);

/** Ids that came with two contents. */
function contradictions(events: readonly { readonly id: string }[]): readonly string[] {
  const contents = new Map<string, string>();
  const text = (event: object) =>
    JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  return events
    .filter((event) => {
      const known = contents.get(event.id);
      contents.set(event.id, text(event));
      return known !== undefined && known !== text(event);
    })
    .map(({ id }) => id);
}
