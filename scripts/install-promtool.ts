import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder } from './cache.js';
import { isInstalled, run } from './ship/run.js';

const CACHED = ['promtool', 'the package prometheus'] as const;
const INSTALL_TIMEOUT_MS = 180_000;

/** Why promtool cannot run here; undefined when it can. */
export function whyNoPromtool(): string | undefined {
  if (existsSync(cacheFolder(...CACHED)) || isInstalled('promtool', '--version')) return undefined;
  const isDebian = isInstalled('apt-get', '--version') && isInstalled('dpkg', '--version');
  return isDebian ? undefined : 'needs promtool, or apt-get and dpkg to install it';
}

/** The path of promtool, taken out of the distribution's package when it is missing: nothing is installed system-wide. */
export function installPromtool(): string {
  if (isInstalled('promtool', '--version')) return 'promtool';
  const folder = cached(...CACHED, (target) => {
    download(target);
    const archive = readdirSync(target).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error('apt-get downloaded no package of prometheus');
    run('dpkg', ['-x', archive, 'root'], { cwd: target });
  });
  return join(folder, 'root', 'usr', 'bin', 'promtool');
}

/** A fresh container has no lists of packages: then they are fetched into the folder, for which nobody needs to be root. */
function download(folder: string): void {
  const options = { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS };
  try {
    run('apt-get', ['download', 'prometheus'], options);
  } catch {
    const own = ['-o', `Dir::State::Lists=${join(folder, 'lists')}`, '-o', `Dir::Cache=${join(folder, 'cache')}`];
    mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
    mkdirSync(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
    run('apt-get', [...own, 'update'], options);
    run('apt-get', [...own, 'download', 'prometheus'], options);
  }
}
