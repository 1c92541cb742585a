import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootDirectory } from '../directories.js';

/** What a server needs, in the order in which it is built. */
const PACKAGES = ['ledger-core', 'server'];

/** The tag of the last release before the present commit; undefined before the first one. */
export function lastReleaseTag(): string | undefined {
  const tags = ['tag', '--list', '@micropay/server@*', '--merged', 'HEAD', '--sort=-creatordate'];
  const { status, stdout, stderr } = spawnSync('git', tags, { cwd: rootDirectory, encoding: 'utf8' });
  // An upgrade from nothing but the present tree would pass for one from the last release.
  if (status !== 0) throw new Error(`git does not say which release was the last: ${stderr}`);
  return stdout.split('\n').find((tag) => tag !== '');
}

/** Checks a commit out, builds it and packs it as its release was. */
export function packCommit(commit: string, folder: string): readonly string[] {
  const checkout = join(folder, 'checkout');
  run('git', ['worktree', 'add', '--detach', checkout, commit], rootDirectory);
  try {
    run('npm', ['run', 'setup'], checkout);
    for (const name of PACKAGES) run('npm', ['--prefix', `packages/${name}`, 'run', 'build'], checkout);
    return packTree(checkout, folder);
  } finally {
    run('git', ['worktree', 'remove', '--force', checkout], rootDirectory);
  }
}

/** Packs what `npm run build` has built there. */
export function packTree(tree: string, folder: string): readonly string[] {
  const { packageManager } = JSON.parse(readFileSync(join(rootDirectory, 'package.json'), 'utf8')) as {
    packageManager: string;
  };
  mkdirSync(folder, { recursive: true });
  return PACKAGES.map((name) => {
    const packageFolder = join(tree, 'packages', name);
    if (!existsSync(join(packageFolder, 'dist'))) throw new Error(`${packageFolder} has no dist: run "npm run build"`);
    const archive = join(folder, `${name}.tgz`);
    run('npx', ['--yes', packageManager, 'pack', '--out', archive], packageFolder);
    return archive;
  });
}

/** An installation from archives alone, as a customer has it. */
export interface Installation {
  readonly folder: string;
  /** The program `micropay`. */
  readonly program: string;
}

export function install(archives: readonly string[], folder: string): Installation {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true, "type": "module"}\n');
  run('npm', ['install', '--no-audit', '--no-fund', ...archives], folder);
  return { folder, program: join(folder, 'node_modules/@micropay/server/dist/micropay.js') };
}

/** Adds a migration to an installed package, as its next release may. */
export function addMigration({ folder }: Installation, packageName: string, name: string, sql: string): void {
  const migrations = join(folder, 'node_modules/@micropay', packageName, 'migrations');
  if (readdirSync(migrations).some((known) => known >= name)) throw new Error(`${name} is not the last migration`);
  writeFileSync(join(migrations, name), sql);
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

function run(command: string, words: readonly string[], cwd: string): void {
  const { status } = spawnSync(command, words, { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} failed in ${cwd}`);
}
