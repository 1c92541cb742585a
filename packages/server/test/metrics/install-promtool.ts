import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Part of the folder's name, so that another way to install does not find what an earlier one left. */
const CACHE_VERSION = 1;
const INSTALL_TIMEOUT_MS = 180_000;

/** Why promtool cannot run here; undefined when it can. */
export function whyNoPromtool(): string | undefined {
  if (existsSync(cacheFolder()) || isThere('promtool')) return undefined;
  return isThere('apt-get') && isThere('dpkg') ? undefined : 'needs promtool, or apt-get and dpkg to install it';
}

function isThere(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

function cacheFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'micropay', `promtool-${CACHE_VERSION}`);
}

/** The path of promtool, taken out of the distribution's package when it is missing: nothing is installed system-wide. */
export function installPromtool(): string {
  if (isThere('promtool')) return 'promtool';
  const folder = cacheFolder();
  const promtool = join(folder, 'root', 'usr', 'bin', 'promtool');
  if (existsSync(folder)) return promtool;
  // Under another name until it is whole; of several processes that install at once, the first to finish counts.
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    download(unfinished);
    const archive = readdirSync(unfinished).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error('apt-get downloaded no package of prometheus');
    run('dpkg', ['-x', archive, 'root'], unfinished);
    mkdirSync(dirname(folder), { recursive: true });
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return promtool;
}

/** A fresh container has no lists of packages: then they are fetched into the folder, for which nobody needs to be root. */
function download(folder: string): void {
  try {
    run('apt-get', ['download', 'prometheus'], folder);
  } catch {
    const own = ['-o', `Dir::State::Lists=${join(folder, 'lists')}`, '-o', `Dir::Cache=${join(folder, 'cache')}`];
    mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
    mkdirSync(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
    run('apt-get', [...own, 'update'], folder);
    run('apt-get', [...own, 'download', 'prometheus'], folder);
  }
}

function run(command: string, words: readonly string[], cwd: string): void {
  const { status, stdout, stderr, error } = spawnSync(command, words, {
    cwd,
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (status !== 0) throw new Error(`promtool could not be installed: ${error?.message ?? `${stdout}${stderr}`}`);
}
