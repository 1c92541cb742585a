import type { Pool, PoolConfig } from 'pg';
import { findIdentities } from '../postgres/accounts.js';
import { asBytes, asTexts } from '../postgres/arrays.js';
import { createPool, fromPool } from '../postgres/connect.js';
import { findOrCreateLedger } from '../postgres/ledgers.js';
import { checkSchema } from '../postgres/migrate.js';
import { serverOf } from '../postgres/server-watch.js';
import { fail, fromSqlError } from '../postgres/sql-errors.js';
import { createStore, type LedgerStore, type Store } from '../postgres/store.js';
import type { ReportBatch } from './batch-report.js';
import { type EngineCapacity, toCapacity } from './capacity.js';
import { type Coalescer, createCoalescer } from './coalescer.js';
import { type Commits, createCommits } from './commits.js';
import { type EngineStatus, readEngineStatus } from './engine-status.js';
import { createIdentities, type Identities } from './identities.js';
import { type Lane, openLane } from './lane.js';
import { lookUpAll } from './look-up.js';
import { nameAccounts } from './name-accounts.js';
import { createPreparedStatements, type PreparedStatements } from './posting-pipeline.js';
import { postBatchWithRetries } from './retry.js';

export interface EngineOptions {
  readonly database: string | PoolConfig;
  readonly schema: string;
  readonly capacity: Partial<EngineCapacity>;
  readonly report?: ReportBatch | undefined;
}

/** Connections, lanes and memory, shared by all ledgers of one schema in this process. */
export interface Engine {
  readonly store: Store;
  /** For a caller's transaction, whose client may take texts alone. */
  readonly statements: PreparedStatements;
  readonly pool: Pool;
  /** One connection for verify, beside the others so that nobody waits for it. */
  readonly longReads: Pool;
  readonly identities: Identities;
  readonly coalescer: Coalescer;
  /** The tables as one ledger reads them, each statement for itself. The ledger is made when it is new; remembered. */
  storeOf(name: string): Promise<LedgerStore>;
  readonly commits: Commits;
  /** Tells workers of this process that transfers were requested. */
  readonly requested: Commits;
  readonly lockTimeoutMs: number;
  status(): EngineStatus;
  /** Opens one connection of each kind, so that they are there when they are needed. */
  connect(): Promise<void>;
  close(): Promise<void>;
}

/** A chunk of verify takes a fraction of a second, and the totals of a million accounts a few, on a machine that is not busy. */
const LONG_READ_TIMEOUT_MS = 120_000;

export function createEngine({ database, schema, capacity: given, report }: EngineOptions): Engine {
  const capacity = toCapacity(given);
  const store = createStore(schema);
  const statements = createPreparedStatements(store, asBytes);
  const pool = createPool(database, {
    connectionsMax: capacity.readConnectionsMax,
    statementTimeoutMs: capacity.answerTimeoutMs,
    lockTimeoutMs: capacity.accountBusyTimeoutMs,
    answerTimeoutMs: capacity.answerTimeoutMs,
  });
  const longReads = createPool(database, {
    connectionsMax: 1,
    statementTimeoutMs: LONG_READ_TIMEOUT_MS,
    lockTimeoutMs: capacity.accountBusyTimeoutMs,
    answerTimeoutMs: LONG_READ_TIMEOUT_MS,
  });
  const connected = { ...store, sql: fromPool(pool) };
  const identities = createIdentities(capacity.identitiesMax);
  const lanes: (Lane | undefined)[] = [];
  const opening: (Promise<Lane> | undefined)[] = [];
  const stores = new Map<string, Promise<LedgerStore>>();
  const commits = createCommits();

  let server: string | undefined;
  /** Another server may lack what this process remembers: a standby that was behind, or a restored backup. */
  function noteServer(met: string | undefined): void {
    if (server !== undefined && met !== server) {
      identities.clear();
      stores.clear();
    }
    server = met;
  }
  pool.on('connect', (client) => noteServer(serverOf(client)));

  async function laneOf(index: number): Promise<Lane> {
    const lane = lanes[index];
    if (lane?.isUsable()) return lane;
    const open = async () => {
      const opened = await openLane(database, capacity);
      lanes[index] = opened;
      noteServer(opened.server);
      return opened;
    };
    opening[index] ??= open().finally(() => {
      opening[index] = undefined;
    });
    return opening[index];
  }

  const identify = (ledger: number, references: readonly string[]) =>
    identities.load(ledger, references, (missing) => findIdentities({ ...connected, ledger }, missing));

  const coalescer = createCoalescer({
    capacity,
    report,
    resolve: (ledger, postings) =>
      lookUpAll(postings, (references) => identify(ledger, references), { ...connected, ledger }).catch(fail),
    async run(lease, input) {
      const lanes = { open: async () => laneOf(await lease.take()), handOver: lease.handOver };
      const result = await postBatchWithRetries(lanes, statements, input, capacity.attemptsMax);
      if (result.outcomes.some((outcome) => Array.isArray(outcome))) commits.announce();
      return { ...result, outcomes: await nameAccounts(result.outcomes, (ids) => identify(input.ledger, ids)) };
    },
  });

  async function openStore(name: string): Promise<LedgerStore> {
    await checkSchema(connected);
    return { ...connected, ledger: await findOrCreateLedger(connected, name) };
  }

  let closing: Promise<void> | undefined;
  async function closeAll(): Promise<void> {
    await coalescer.drain();
    await Promise.all(lanes.map((lane) => lane?.close().catch(() => undefined)));
    await Promise.all([pool.end(), longReads.end()]);
  }

  return {
    store,
    statements: createPreparedStatements(store, asTexts),
    pool,
    longReads,
    identities,
    coalescer,
    commits,
    requested: createCommits(),
    lockTimeoutMs: capacity.lockTimeoutMs,
    status: () => readEngineStatus({ capacity, coalescer, lanes, pool, longReads }),
    storeOf(name) {
      let opened = stores.get(name);
      if (opened === undefined) {
        opened = openStore(name).catch((error: unknown) => {
          // The next call tries again: the database may be back by then.
          stores.delete(name);
          throw fromSqlError(error);
        });
        stores.set(name, opened);
      }
      return opened;
    },
    async connect() {
      await Promise.all([laneOf(0), pool.query('select'), longReads.query('select')]);
    },
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}
