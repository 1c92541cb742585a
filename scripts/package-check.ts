// npm run package:check: packs each published package as a release would, and looks at the archives as a customer gets
// them: manifest, types, and whether every entry point can be imported. `npm run build` comes first.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rootDirectory } from './directories.js';

interface Manifest {
  readonly name: string;
  readonly packageManager: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const customer = mkdtempSync(join(tmpdir(), 'micropay-package-check-'));
try {
  const packages = join(rootDirectory, 'packages');
  const manifests = readdirSync(packages).map((folder) => checkArchive(join(packages, folder)));
  for (const manifest of manifests) importEntryPoints(manifest);
  console.log(`Packed, checked and imported: ${manifests.map(({ name }) => name).join(', ')}.`);
} finally {
  rmSync(customer, { recursive: true });
}

/** Packs a package, checks the archive, and installs it for the customer. */
function checkArchive(folder: string): Manifest {
  const { name } = readManifest(folder);
  const archive = join(customer, `${name.replace('/', '-')}.tgz`);
  run('npx', ['--yes', readManifest(rootDirectory).packageManager, 'pack', '--out', archive], folder);
  run('publint', ['run', archive, '--strict']);
  run('attw', [archive, '--profile', 'esm-only', '--no-definitely-typed']);

  const target = customerModule(name);
  mkdirSync(target, { recursive: true });
  run('tar', ['-xzf', archive, '-C', target, '--strip-components=1']);
  const manifest = readManifest(target);
  for (const dependency of Object.keys(manifest.dependencies ?? {})) linkDependency(folder, dependency);
  return manifest;
}

/** Gives the customer what the package asks for, out of the workspace; our own packages come out of their archives. */
function linkDependency(folder: string, dependency: string): void {
  const link = customerModule(dependency);
  if (dependency.startsWith('@micropay/') || existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(folder, 'node_modules', dependency), link, 'junction');
}

function importEntryPoints({ name, exports }: Manifest): void {
  for (const path of Object.keys(exports).filter((path) => !path.endsWith('.json'))) {
    const entryPoint = join(name, path);
    run(process.execPath, ['--input-type=module', '--eval', `await import('${entryPoint}')`], customer);
  }
}

function customerModule(name: string): string {
  return join(customer, 'node_modules', name);
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

function run(command: string, words: readonly string[], cwd = rootDirectory): void {
  const { status } = spawnSync(command, words, { cwd, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} failed in ${cwd}.`);
}
