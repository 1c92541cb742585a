import { createLedger, type Ledger, migrate, type PostTransfer } from '@micropay/ledger-core';
import pg from 'pg';

export const CURRENCY = 'USD';
const ACCOUNTS = 1_000;
const OPENING_BALANCE = 1_000_000_000_000n;
const NAIVE_CONNECTIONS = 32;

/** The accounts that every row posts between, and ways to their database. */
export interface Book {
  readonly ledger: Ledger;
  /** The ledger's number in SQL. */
  readonly ledgerId: number;
  readonly accountIds: readonly string[];
  /** Connections for the naive transactions. */
  readonly pool: pg.Pool;
  readonly postgresPid: number | undefined;
  /** PostgreSQL's settings that matter here. */
  readonly settings: string;
  /**
   * Disk space per transfer: journal and events with their indexes. It is averaged over the whole run, because the
   * pages of an index on random keys fill and split at about the same time.
   */
  bytesPerTransfer(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Opens a book of funded accounts in a ledger of this run's own.
 *
 * @throws Error when the database would lose what it has confirmed: its figures would mean nothing.
 */
export async function openBook(database: string, postgresPid: number | undefined): Promise<Book> {
  await migrate({ database });
  const pool = new pg.Pool({ connectionString: database, max: NAIVE_CONNECTIONS });
  const settings = await readSettings(pool);
  const name = `bench-${Date.now()}`;
  const ledger = createLedger({ database, name });
  const accountIds = await openAccounts(ledger);
  const before = await readJournal(pool);
  const { rows } = await pool.query<{ id: number }>('select id from micropay.ledgers where name = $1', [name]);
  return {
    ledger,
    ledgerId: rows[0]?.id ?? 0,
    accountIds,
    pool,
    postgresPid,
    settings,
    async bytesPerTransfer() {
      const now = await readJournal(pool);
      return (now.bytes - before.bytes) / (now.transfers - before.transfers);
    },
    async close() {
      await ledger.close();
      await pool.end();
    },
  };
}

async function readJournal(pool: pg.Pool): Promise<{ readonly bytes: number; readonly transfers: number }> {
  const { rows } = await pool.query<{ bytes: string; transfers: string }>(
    `select (select sum(pg_total_relation_size(relid)) from pg_partition_tree('micropay.transfers'))
        + pg_total_relation_size('micropay.transfer_keys') + pg_total_relation_size('micropay.events') as bytes,
      count(*) as transfers from micropay.transfers`,
  );
  return { bytes: Number(rows[0]?.bytes), transfers: Number(rows[0]?.transfers) };
}

/**
 * Describes PostgreSQL's settings.
 *
 * @throws Error when PostgreSQL may lose what it has confirmed: the figures would mean nothing.
 */
export async function readSettings(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ name: string; setting: string }>(
    `select name, setting from pg_settings where name in ('server_version', 'fsync', 'synchronous_commit') order by name`,
  );
  const { fsync, server_version, synchronous_commit } = Object.fromEntries(
    rows.map(({ name, setting }) => [name, setting]),
  );
  if (fsync !== 'on' || synchronous_commit !== 'on') {
    throw new Error(
      `fsync is ${fsync} and synchronous_commit is ${synchronous_commit}: turn both on, or leave DATABASE_URL unset`,
    );
  }
  return `PostgreSQL ${server_version}, fsync on, synchronous_commit on, Node ${process.versions.node}`;
}

/** Opens the accounts of a book, with more money than a run can move. */
export async function openAccounts(ledger: Ledger): Promise<readonly string[]> {
  await ledger.accounts.open({ address: 'world:usd', currency: CURRENCY });
  const accountIds: string[] = [];
  for (let index = 0; index < ACCOUNTS; index++) {
    const { id } = await ledger.accounts.open({ address: `users:${index}:usd`, currency: CURRENCY });
    accountIds.push(id);
  }
  const deposits = accountIds.map(
    (to): PostTransfer => ({ from: 'world:usd', to, amount: OPENING_BALANCE, currency: CURRENCY }),
  );
  for (const result of await ledger.transfers.postMany(deposits)) if (!result.ok) throw result.error;
  return accountIds;
}

/** A random movement between two accounts; when one is hot, always to the first. */
export function randomMovement(
  { accountIds }: Pick<Book, 'accountIds'>,
  hot: boolean,
): { from: string; to: string; amount: bigint } {
  const to = hot ? 0 : draw(accountIds.length);
  // Any other account, each as likely.
  const from = (to + 1 + draw(accountIds.length - 1)) % accountIds.length;
  return { from: accountIds[from] as string, to: accountIds[to] as string, amount: BigInt(10 + draw(90)) };
}

function draw(below: number): number {
  return Math.floor(Math.random() * below);
}
