import type { ChildProcess } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { giveTo } from './account.js';
import type { Release } from './binaries.js';
import { type Cluster, clusterIn, createCluster, spawnServer, stopServer, untilEnded, untilReady } from './cluster.js';
import { createDatabaseIfMissing } from './databases.js';
import { lockDirectory } from './directory-lock.js';
import { makeDirectory } from './make-directory.js';

/** Options for starting a PostgreSQL. */
export interface PostgresOptions {
  /** The folder of the data, password and log; created if missing. One process holds it at a time. */
  readonly directory: string;
  /** `false` trades safety against a power cut for speed: for data that nobody will miss. */
  readonly durable: boolean;
  /** Remove the directory when PostgreSQL stops. */
  readonly temporary?: boolean;
  /** Start it again, on the same port, when it dies while this process lives. */
  readonly revive?: boolean;
  /** Default 18. */
  readonly release?: Release;
}

/** A PostgreSQL that this process started. It stops when the process exits, unless that is killed with SIGKILL. */
export interface LocalPostgres {
  /** Connects as superuser to the database `postgres`. */
  readonly url: string;
  /** The server's main process; another one after it was revived. */
  readonly pid: number;
  /** The folder of its data, password and log. */
  readonly directory: string;
  /** The URL of the database of that name, which is made when missing. */
  database(name: string): Promise<string>;
  /** Comes back on the same port; as a standby it answers reads and takes no writes. Not for a server that is revived. */
  restart(options?: { readonly asStandby?: boolean }): Promise<void>;
  /** Ends running statements, writes everything to disk and returns when the server is gone. May be called again. */
  stop(): void;
}

const RETRY_MS = 250;
const RETRIES_MAX = 120;
const REVIVALS_MAX = 100;

const SETTINGS = {
  // Only this machine may knock, and pg_hba.conf lets nobody in without the password.
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};
// Committed data still survives a killed server, because the operating system has it.
const NOT_DURABLE = { fsync: 'off', full_page_writes: 'off' };

/** Log messages after which another start may succeed: processes of a killed server are still ending, or the port was taken. */
const PASSING_FAILURE = /pre-existing shared memory block|"postmaster.pid" already exists|Address already in use/;

/**
 * Starts a PostgreSQL that listens on a free port and keeps its data from one start to the next. A server that a killed
 * process left running on the same directory is stopped first.
 *
 * @throws Error when another live process holds the directory or PostgreSQL does not start; nothing is left running.
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const directory = resolve(options.directory);
  const unlock = takeDirectory(directory);
  const leave = () => {
    if (options.temporary) rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    unlock();
  };
  try {
    const cluster = clusterIn(directory, options.release);
    stopServer(cluster);
    const password = createCluster(cluster, options.durable);
    return await serve(cluster, { ...options, directory, password, leave });
  } catch (error) {
    leave();
    throw error;
  }
}

function takeDirectory(directory: string): () => void {
  try {
    makeDirectory(directory);
    return lockDirectory(directory);
  } catch (cause) {
    if (!(cause instanceof Error && 'syscall' in cause)) throw cause;
    throw new Error(
      `No data can be kept in ${directory}: set DATA_DIR to a folder that you may write. ${cause.message}`,
      {
        cause,
      },
    );
  }
}

interface ServeOptions extends PostgresOptions {
  readonly password: string;
  readonly leave: () => void;
}

async function serve(cluster: Cluster, options: ServeOptions): Promise<LocalPostgres> {
  const settings = options.durable ? SETTINGS : { ...SETTINGS, ...NOT_DURABLE };
  let port = await freePort();
  let server: ChildProcess;
  let stopped = false;

  const launch = async ({ keepPort }: { keepPort: boolean }) => {
    for (let attempt = 1; !stopped; attempt++) {
      server = spawnServer(cluster, { ...settings, port: String(port) });
      const failure = await untilReady(cluster, server, port);
      if (failure === undefined || stopped) return;
      if (!PASSING_FAILURE.test(failure) || attempt === RETRIES_MAX) {
        throw new Error(`PostgreSQL did not start. Its log, ${cluster.logFile}, ends with:\n${failure}`);
      }
      await sleep(RETRY_MS);
      if (!keepPort) port = await freePort();
    }
  };
  const revive = async () => {
    for (let count = 1; count <= REVIVALS_MAX; count++) {
      await untilEnded(server);
      if (stopped) return;
      console.error('PostgreSQL stopped unexpectedly; starting it again.');
      await launch({ keepPort: true });
    }
  };
  const end = () => {
    stopped = true;
    process.off('exit', stop);
    stopServer(cluster, server);
  };
  const stop = () => {
    if (stopped) return;
    end();
    options.leave();
  };
  const databaseUrl = (name: string) =>
    `postgres://postgres:${options.password}@127.0.0.1:${port}/${encodeURIComponent(name)}?sslmode=disable`;

  process.on('exit', stop);
  try {
    await launch({ keepPort: false });
  } catch (error) {
    end();
    throw error;
  }
  if (options.revive) revive().catch((error: Error) => console.error(error.message));
  return {
    url: databaseUrl('postgres'),
    get pid() {
      return server.pid ?? 0;
    },
    directory: options.directory,
    database: async (name) => {
      await createDatabaseIfMissing(databaseUrl('postgres'), name);
      return databaseUrl(name);
    },
    restart: async ({ asStandby = false } = {}) => {
      stopServer(cluster, server);
      const signal = join(cluster.path, 'standby.signal');
      if (asStandby) {
        writeFileSync(signal, '');
        giveTo(cluster.account, signal);
      }
      await launch({ keepPort: true });
    },
    stop,
  };
}

function freePort(): Promise<number> {
  return new Promise((resolved, rejected) => {
    const probe = createServer().once('error', rejected);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolved(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
