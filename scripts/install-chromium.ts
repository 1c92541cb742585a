import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder } from './cache.js';
import { attempt, isInstalled, run } from './ship/run.js';

const CACHED = ['chromium', 'the package chromium and what it needs'] as const;
const INSTALL_TIMEOUT_MS = 300_000;
const INSTALLED = ['chromium', 'google-chrome', 'google-chrome-stable'];

/** A browser that tests can drive, and the environment that it starts in. */
export interface Chromium {
  readonly executablePath: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Why Chromium cannot run here; undefined when it can. */
export function whyNoChromium(): string | undefined {
  if (existsSync(cacheFolder(...CACHED)) || findInstalled() !== undefined) return undefined;
  const isDebian = isInstalled('apt-get', '--version') && isInstalled('dpkg', '--version');
  return isDebian ? undefined : 'needs Chromium or Chrome, or apt-get and dpkg to install one';
}

/** Chromium, taken out of the distribution's packages when it is missing: nothing is installed system-wide. */
export function installChromium(): Chromium {
  const installed = findInstalled();
  if (installed !== undefined) return { executablePath: installed, env: {} };
  const root = join(cached(...CACHED, download), 'root');
  const libraries = join(root, 'usr', 'lib');
  const folders = readdirSync(libraries)
    .filter((name) => name.endsWith('-linux-gnu'))
    .flatMap((name) => [join(libraries, name), join(libraries, name, 'pulseaudio'), join(root, 'lib', name)]);
  return {
    executablePath: join(libraries, 'chromium', 'chromium'),
    env: { LD_LIBRARY_PATH: folders.join(':') },
  };
}

function findInstalled(): string | undefined {
  const name = INSTALLED.find((command) => isInstalled(command, '--version'));
  return name === undefined ? undefined : attempt('which', [name]).stdout.trim();
}

/** With lists of packages and a cache in the folder, for which nobody needs to be root. */
function download(folder: string): void {
  for (const name of ['lists/partial', 'cache/archives/partial', 'root']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const own = [
    ...['-o', `Dir::State::Lists=${join(folder, 'lists')}`],
    ...['-o', `Dir::Cache=${join(folder, 'cache')}`],
    ...['-o', 'Debug::NoLocking=1', '-o', 'APT::Sandbox::User='],
  ];
  const options = { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS };
  run('apt-get', [...own, 'update'], options);
  const words = ['--yes', '--download-only', '--no-install-recommends', 'install', 'chromium'];
  run('apt-get', [...own, ...words], options);
  const archives = join(folder, 'cache', 'archives');
  for (const name of readdirSync(archives).filter((file) => file.endsWith('.deb'))) {
    run('dpkg', ['-x', join(archives, name), join(folder, 'root')]);
  }
}
