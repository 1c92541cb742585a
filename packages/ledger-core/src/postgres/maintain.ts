import { setTimeout as delay } from 'node:timers/promises';
import { type Client, escapeIdentifier, type PoolConfig } from 'pg';
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
  PARTITION_POSITIONS,
  readJournalPartitions,
  readPartitions,
  sealPartition,
} from './partitions.js';
import { oldestDrawer } from './position-drawers.js';
import { fail } from './sql-errors.js';
import { type ConnectedStore, schemaName } from './store.js';

export interface MaintainOptions {
  /** Connection string or `pg` settings of the owner of the tables; a role without that right can maintain while nothing is to be made. */
  readonly database: string | PoolConfig;
  /** Default `micropay`. */
  readonly schema?: string;
  /** Positions of each new partition, 1,000 to 1,000,000,000,000; default: as many as the last one has, at first 50,000,000, about 16 GB of transfers. */
  readonly partitionPositions?: number;
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
/** Several for a partition that is smaller than what was drawn since; more come with the next call. */
const ADDED_MAX = 100;
const SETTLE_POLL_MS = 20;
const SETTLE_WAIT_MS = 5_000;

const readOptions = object<MaintainOptions>({
  database: databaseArgument,
  schema: optional(schemaName),
  partitionPositions: optional(wholeNumber(POSITIONS_MIN, POSITIONS_MAX)),
  lockWaitMs: optional(wholeNumber(0, TIMER_MS_MAX)),
});

/**
 * Keeps the journal's partitions ahead of the positions that are drawn: after the one in use there is always another one, or
 * as many positions as one has. Then seals those that are full. It is for all ledgers of the schema, locks out neither readers nor
 * writers, and may be called at any time, from many processes at once. `micropay serve` calls it by itself.
 *
 * @throws {LedgerError} `invalid_request`; `database_misconfigured` for a role that may not make a partition that is due; `schema_outdated`, `database_unavailable`
 */
export async function maintain(options: MaintainOptions): Promise<MaintainReport> {
  const checked = readOptions(options, 'options');
  const { database, schema = 'micropay', lockWaitMs = LOCK_WAIT_MS } = checked;
  const { partitionPositions } = checked;
  const client = await openClient(database, LIMITS).catch(fail);
  const store: ConnectedStore = {
    schemaName: schema,
    schema: escapeIdentifier(schema),
    sql: fromClient(client),
  };
  try {
    const added = await addAhead(client, store, { positions: partitionPositions, lockWaitMs });
    const sealed = await sealFull(store);
    return result({ ...(await readJournalPartitions(store)), added, sealed });
  } catch (error) {
    return fail(error);
  } finally {
    await client.end();
  }
}

/** The bounds of the next partition, if it is time for it. */
function nextPartition(
  partitions: readonly JournalPartition[],
  lastDrawn: bigint,
  given: number | undefined,
): Pick<JournalPartition, 'begins' | 'ends'> | undefined {
  const last = partitions.at(-1);
  const begins = last?.ends ?? 1n;
  const positions = given === undefined ? positionsOf(last) : BigInt(given);
  if (begins - 1n - lastDrawn >= positions) return undefined;
  return { begins, ends: begins + positions };
}

/** The first partition begins below the first position. */
function positionsOf(partition: JournalPartition | undefined): bigint {
  if (partition === undefined) return BigInt(PARTITION_POSITIONS);
  return partition.ends - (partition.begins > 0n ? partition.begins : 1n);
}

async function addAhead(
  client: Client,
  store: ConnectedStore,
  { positions, lockWaitMs }: { readonly positions: number | undefined; readonly lockWaitMs: number },
): Promise<readonly string[]> {
  const due = async () => nextPartition(await readPartitions(store), await lastDrawnPosition(store), positions);
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
async function sealFull(store: ConnectedStore): Promise<readonly string[]> {
  const lastDrawn = await lastDrawnPosition(store);
  const full = (await readPartitions(store)).filter(({ ends, sealed }) => !sealed && ends <= lastDrawn);
  if (full.length === 0 || !(await isSettled(store))) return [];
  const sealed: string[] = [];
  for (const partition of full) {
    await sealPartition(store, partition);
    sealed.push(partition.table);
  }
  return sealed;
}

/**
 * Waits until every transaction has ended that may have drawn a position by now. One that was left open puts sealing off to
 * the next call, and costs nothing but slower look-ups by id.
 */
async function isSettled(store: ConnectedStore): Promise<boolean> {
  const { rows } = await store.sql.executeSql('select pg_current_xact_id()::text as id', []);
  const bound = BigInt(String(rows[0]?.id));
  const untilMs = performance.now() + SETTLE_WAIT_MS;
  while ((await oldestDrawer(store)) < bound) {
    if (performance.now() > untilMs) return false;
    await delay(SETTLE_POLL_MS);
  }
  return true;
}
