// npm run package:check: packs each published package as a release would, and looks at the archives as a customer gets
// them: manifest, types, and whether every entry point can be imported by Node and read by TypeScript. `npm run build`
// comes first.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rootDirectory } from './directories.js';

interface Manifest {
  readonly name: string;
  readonly packageManager: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const customer = mkdtempSync(join(tmpdir(), 'micropay-package-check-'));
try {
  const packages = join(rootDirectory, 'packages');
  const manifests = readdirSync(packages).map((folder) => checkArchive(join(packages, folder)));
  importEntryPoints(manifests.flatMap(entryPoints));
  runCommands();
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
  const { dependencies = {}, peerDependencies = {} } = manifest;
  for (const dependency of Object.keys({ ...dependencies, ...peerDependencies })) linkDependency(folder, dependency);
  return manifest;
}

/** Gives the customer what the package asks for, out of the workspace; our own packages come out of their archives. */
function linkDependency(folder: string, dependency: string): void {
  const link = customerModule(dependency);
  if (dependency.startsWith('@micropay/') || existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(folder, 'node_modules', dependency), link, 'junction');
}

function entryPoints({ name, exports }: Manifest): readonly string[] {
  return Object.keys(exports)
    .filter((path) => !path.endsWith('.json'))
    .map((path) => join(name, path));
}

function importEntryPoints(names: readonly string[]): void {
  const program = names
    .map((name, index) => `import * as entry${index} from '${name}';\nvoid entry${index};\n`)
    .join('');
  writeFileSync(join(customer, 'customer.mts'), program);
  writeFileSync(join(customer, 'customer.mjs'), program);
  run(process.execPath, ['customer.mjs'], customer);
  // Declarations are checked too, as they stand: a type whose package is no dependency would silently be `any`.
  const words = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2023,dom,dom.iterable',
  ];
  run('tsc', [...words, '--skipLibCheck', 'false', 'customer.mts'], customer);
}

/** The command as it is packed: what it needs must be in the archives, and its exit codes are documented. */
function runCommands(): void {
  const micropay = join(customerModule('@micropay/server'), 'dist', 'micropay.js');
  const file = join(customer, 'book.jsonl');
  writeFileSync(file, '{"address": "world", "currency": "USD"}\n');
  const environment = { ...process.env, DATABASE_URL: 'postgresql://127.0.0.1:1/nowhere' };
  const calls: readonly (readonly [exitCode: number, ...words: string[]])[] = [
    [0, '--help'],
    [2, 'unknown'],
    [2, 'verify', '--unknown'],
    [1, 'verify'],
    [1, 'trial-balance'],
    [1, 'migrate'],
    [1, 'import', file],
    [0, 'import', file, '--check'],
  ];
  for (const [exitCode, ...words] of calls) {
    const { status, stderr } = spawnSync(process.execPath, [micropay, ...words], {
      cwd: customer,
      env: environment,
      encoding: 'utf8',
    });
    if (status !== exitCode)
      throw new Error(`micropay ${words.join(' ')} ended with ${status}, not ${exitCode}: ${stderr}`);
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
