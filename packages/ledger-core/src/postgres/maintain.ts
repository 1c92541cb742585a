import { setTimeout as delay } from 'node:timers/promises';
import { type Client, escapeIdentifier, type PoolConfig } from 'pg';
import { largest } from '../domain/bigint.js';
import { object, optional, TIMER_MS_MAX, wholeNumber } from '../domain/input/arguments.js';
import { result } from '../domain/json/result.js';
import { fromClient, openClient } from './connect.js';
import { databaseArgument } from './database-argument.js';
import { inMigration } from './migration-lock.js';
import {
  addPartition,
  type JournalPartition,
  type JournalPartitions,
  lastDrawnPosition,
  positionsOf,
  readJournalPartitions,
  readPartitions,
  readPositionsAhead,
  sealPartition,
} from './partitions.js';
import { untilDrawersEnd } from './position-drawers.js';
import { fail, sqlState } from './sql-errors.js';
import { type ConnectedStore, schemaName } from './store.js';

export interface MaintainOptions {
  /** Connection string or `pg` settings of the owner of the tables; a role without that right can maintain while nothing is to be made. */
  readonly database: string | PoolConfig;
  /** Default `micropay`. */
  readonly schema?: string;
  /**
   * Positions of each new partition, 1,000 to 1,000,000,000,000; default: as many as the last one has, but not less than a tenth of
   * `positionsAhead`; at first 50,000,000, about 20 GB of transfers and their keys.
   */
  readonly partitionPositions?: number;
  /**
   * Positions that are left at least afterwards, 1,000 to 1,000,000,000,000, and as many as a new partition has; default: ten million,
   * or three hours at the rate of late. No more than 100 partitions are made at once.
   */
  readonly positionsAhead?: number;
  /** The longest wait for another process that maintains or migrates, or for a lock; default one minute. */
  readonly lockWaitMs?: number;
}

export interface MaintainReport extends JournalPartitions {
  /** Tables that were made now. */
  readonly added: readonly string[];
  /** Tables that were sealed now. */
  readonly sealed: readonly string[];
}

/** A page of ids of a partition takes a moment; a statement that hangs must not hang for ever. */
const LIMITS = { statementTimeoutMs: 60_000, lockTimeoutMs: 0, answerTimeoutMs: 90_000 };
const LOCK_WAIT_MS = 60_000;
const POSITIONS_MIN = 1_000;
const POSITIONS_MAX = 1_000_000_000_000;
/** Several where one is smaller than what is kept ahead; more come with the next call. */
const ADDED_MAX = 100;
/** So many partitions are enough to be ahead: each costs look-ups, and the size that somebody once chose may have become small. */
const PARTITIONS_AHEAD = 10n;
const SETTLE_POLL_MS = 20;
const SETTLE_WAIT_MS = 5_000;

const readOptions = object<MaintainOptions>({
  database: databaseArgument,
  schema: optional(schemaName),
  partitionPositions: optional(wholeNumber(POSITIONS_MIN, POSITIONS_MAX)),
  positionsAhead: optional(wholeNumber(POSITIONS_MIN, POSITIONS_MAX)),
  lockWaitMs: optional(wholeNumber(0, TIMER_MS_MAX)),
});

/**
 * Keeps the journal's partitions ahead of the positions that are drawn: as many positions are left as one has, and as are drawn in three
 * hours. Then seals those that are full, unless another process does, or the role may not. It is for all ledgers of the schema, locks
 * out neither readers nor writers, and may be called at any time, from many processes at once. `micropay serve` calls it by itself.
 *
 * @throws {LedgerError} `invalid_request`; `database_misconfigured` for a role that may not make a partition that is due; `schema_outdated`, `database_unavailable`
 */
export async function maintain(options: MaintainOptions): Promise<MaintainReport> {
  const checked = readOptions(options, 'options');
  const { database, schema = 'micropay', lockWaitMs = LOCK_WAIT_MS } = checked;
  const { partitionPositions, positionsAhead } = checked;
  const client = await openClient(database, LIMITS).catch(fail);
  const store: ConnectedStore = {
    schemaName: schema,
    schema: escapeIdentifier(schema),
    sql: fromClient(client),
  };
  try {
    const added = await addAhead(client, store, { positions: partitionPositions, ahead: positionsAhead, lockWaitMs });
    const sealed = await sealFull(client, store);
    return result({ ...(await readJournalPartitions(store)), added, sealed });
  } catch (error) {
    return fail(error);
  } finally {
    await client.end();
  }
}

interface Sizes {
  /** As they were given. */
  readonly positions: number | undefined;
  readonly ahead: number | undefined;
}

/** The bounds of the next partition, if it is time for it. */
async function nextPartition(
  store: ConnectedStore,
  given: Sizes,
): Promise<Pick<JournalPartition, 'begins' | 'ends'> | undefined> {
  const last = (await readPartitions(store)).at(-1);
  const lastDrawn = await lastDrawnPosition(store);
  const ahead = given.ahead === undefined ? await readPositionsAhead(store, lastDrawn) : BigInt(given.ahead);
  const begins = last?.ends ?? 1n;
  const positions =
    given.positions === undefined ? largest(positionsOf(last), ahead / PARTITIONS_AHEAD) : BigInt(given.positions);
  if (begins - 1n - lastDrawn >= largest(positions, ahead)) return undefined;
  return { begins, ends: begins + positions };
}

async function addAhead(
  client: Client,
  store: ConnectedStore,
  { lockWaitMs, ...sizes }: Sizes & { readonly lockWaitMs: number },
): Promise<readonly string[]> {
  const due = () => nextPartition(store, sizes);
  const added: string[] = [];
  // Without a lock while nothing is to be done, which is nearly always.
  while (added.length < ADDED_MAX && (await due()) !== undefined) {
    const table = await inMigration(client, { schema: store.schema, lockWaitMs }, async () => {
      const bounds = await due();
      if (bounds === undefined) return undefined;
      await addPartition(store, bounds);
      return `transfers_${bounds.begins}`;
    });
    if (table !== undefined) added.push(table);
  }
  return added;
}

/** Seals in order of positions, so that what is not sealed is one range at the end. */
async function sealFull(client: Client, store: ConnectedStore): Promise<readonly string[]> {
  const lastDrawn = await lastDrawnPosition(store);
  const full = (await readPartitions(store)).filter(({ ends, sealed }) => !sealed && ends <= lastDrawn);
  if (full.length === 0 || !(await isSettled(store))) return [];
  const sealed: string[] = [];
  for (const partition of full) {
    const outcome = await sealAlone(client, store, partition);
    if (outcome === 'not ours') break;
    if (outcome === 'sealed') sealed.push(partition.table);
  }
  return sealed;
}

/**
 * Reads and seals a partition under a lock that no other process waits for: to read its ids once is enough. The lock is of the
 * transaction, whatever pooler is in between. Whoever may not seal leaves it to who may.
 */
async function sealAlone(
  client: Client,
  store: ConnectedStore,
  partition: JournalPartition,
): Promise<'sealed' | 'sealed before' | 'not ours'> {
  await client.query('begin isolation level read committed');
  try {
    const { rows } = await client.query<{ taken: boolean }>(
      `select pg_try_advisory_xact_lock(hashtextextended('micropay sealing ' || $1, 0)) as taken`,
      [store.schema],
    );
    if (rows[0]?.taken !== true) {
      await client.query('rollback');
      return 'not ours';
    }
    const isSealed = (await readPartitions(store)).some(({ begins, sealed }) => begins === partition.begins && sealed);
    if (!isSealed) await sealPartition(store, partition);
    await client.query('commit');
    return isSealed ? 'sealed before' : 'sealed';
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    if (sqlState(error) === INSUFFICIENT_PRIVILEGE) return 'not ours';
    throw error;
  }
}

const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Waits until every transaction has ended that may have drawn a position by now. One that was left open puts sealing off to
 * the next call, and costs nothing but slower look-ups by id.
 */
async function isSettled(store: ConnectedStore): Promise<boolean> {
  const { rows } = await store.sql.executeSql('select pg_current_xact_id()::text as id', []);
  const bound = BigInt(String(rows[0]?.id));
  return untilDrawersEnd(store, bound, { waitMaxMs: SETTLE_WAIT_MS, pause: () => delay(SETTLE_POLL_MS) });
}
