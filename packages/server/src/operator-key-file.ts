import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE_NAME = 'operator-api-key';
const OWNER_ONLY = 0o600;

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
