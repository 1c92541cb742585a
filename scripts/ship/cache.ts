import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder of the user's cache that `fill` has filled; one for each `version`, which says what is in it. */
export function cached(name: string, version: string, fill: (folder: string) => void): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const digest = createHash('sha256').update(version).digest('hex').slice(0, 12);
  const folder = join(cache, 'micropay', `${name}-${digest}`);
  if (existsSync(folder)) return folder;
  // Under another name until it is whole; of several processes that fill it at once, the first to finish counts.
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    fill(unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
