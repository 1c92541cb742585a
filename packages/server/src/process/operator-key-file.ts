import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../errors/start-error.js';

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
    throw new StartError('invalid_configuration', 'DATA_DIR is a file, or lies inside one: set it to a folder');
  }
}

/** Keeps a key that was made, for its owner's eyes only: the database has no more than its hash. */
export async function keepOperatorKey(dataDirectory: string, key: string): Promise<void> {
  await mkdir(dataDirectory, { recursive: true });
  await setOperatorKeyAside(dataDirectory);
  await writeFile(join(dataDirectory, FILE_NAME), `${key}\n`, { mode: OWNER_ONLY });
}

/** Gives the kept key another name, as it may be that of another database that this folder has served. */
export async function setOperatorKeyAside(dataDirectory: string): Promise<void> {
  const path = join(dataDirectory, FILE_NAME);
  await rename(path, `${path}.${Date.now()}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** The kept key that opens this server; undefined when there is none. */
export async function keptOperatorKey(
  dataDirectory: string,
  isOperatorKey: (key: string) => boolean,
): Promise<string | undefined> {
  const names = await readdir(dataDirectory).catch(() => []);
  for (const name of names.filter((name) => name.startsWith(FILE_NAME)).sort()) {
    const path = join(dataDirectory, name);
    const key = await readFile(path, 'utf8').catch(() => '');
    if (isOperatorKey(key.trim())) return path;
  }
  return undefined;
}
