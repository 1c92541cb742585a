import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder of the user's cache for something of that name; one for each `version`, which says what is in it. */
export function cacheFolder(name: string, version: string): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const digest = createHash('sha256').update(version).digest('hex').slice(0, 12);
  return join(cache, 'micropay', `${name}-${digest}`);
}

/** The same, filled by `fill` when it is missing. */
export function cached(name: string, version: string, fill: (folder: string) => void): string {
  const folder = cacheFolder(name, version);
  if (existsSync(folder)) return folder;
  // Under another name until it is whole; of several processes that fill it at once, the first to finish counts.
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    fill(unfinished);
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
