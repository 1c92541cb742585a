import { existsSync } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from './start-error.js';

const FILE_NAME = 'operator-api-key';
const OWNER_ONLY = 0o600;

/**
 * Makes sure that nothing else is where the folder is to be.
 *
 * @throws {StartError} `invalid_configuration`
 */
export async function checkDataDirectory(dataDirectory: string): Promise<void> {
  const isTaken = await stat(dataDirectory).then(
    (found) => !found.isDirectory(),
    (error: NodeJS.ErrnoException) => error.code === 'ENOTDIR',
  );
  if (isTaken) {
    throw new StartError('invalid_configuration', 'DATA_DIR names a file, or a place below one: set it to a folder');
  }
}

/** Keeps a key that was made, for its owner's eyes only: the database has no more than its hash. */
export async function keepOperatorKey(dataDirectory: string, key: string): Promise<void> {
  await mkdir(dataDirectory, { recursive: true });
  await writeFile(join(dataDirectory, FILE_NAME), `${key}\n`, { mode: OWNER_ONLY });
}

/** Removes a kept key that another one has replaced. */
export async function forgetOperatorKey(dataDirectory: string): Promise<void> {
  await rm(join(dataDirectory, FILE_NAME), { force: true });
}

/** Where a key was kept; undefined when none was. */
export function keptOperatorKey(dataDirectory: string | undefined): string | undefined {
  if (dataDirectory === undefined) return undefined;
  const path = join(dataDirectory, FILE_NAME);
  return existsSync(path) ? path : undefined;
}
