import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterIn, stopServer } from './cluster.js';
import { isAbandoned, lockDirectory } from './directory-lock.js';
import { makeDirectory } from './make-directory.js';
import { type LocalPostgres, type PostgresOptions, startPostgres } from './start-postgres.js';

/** Options for starting a PostgreSQL whose data is deleted afterwards. */
export interface TemporaryPostgresOptions extends Pick<PostgresOptions, 'durable' | 'revive' | 'release'> {
  /** Folder that gets the data; by default the system's temporary one, which may be memory and no disk. */
  readonly parent?: string;
}

/** The prefix by which a later run finds the folders that a killed run left behind. */
export const PREFIX = 'micropay-postgres-';

/** Starts a PostgreSQL in a new folder, which is removed when it stops. */
export function startTemporaryPostgres({
  parent = tmpdir(),
  ...options
}: TemporaryPostgresOptions): Promise<LocalPostgres> {
  makeDirectory(parent);
  for (const name of readdirSync(parent)) {
    if (name.startsWith(PREFIX)) removeAbandoned(join(parent, name));
  }
  return startPostgres({ ...options, directory: mkdtempSync(join(parent, PREFIX)), temporary: true });
}

/** Stops and removes what a process killed with SIGKILL left behind, if it was one of ours. */
function removeAbandoned(directory: string): void {
  const owner = statSync(directory, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner !== (process.getuid?.() ?? owner) || !isAbandoned(directory)) return;
  const unlock = lockDirectory(directory);
  try {
    stopServer(clusterIn(directory));
    rmSync(directory, { recursive: true, force: true });
  } finally {
    unlock();
  }
}
