// npm run package:check: packs each published package as a release would, and looks at the archives as a customer gets
// them: manifest, links, types, and whether every entry point can be imported by Node, required by Jest and read by
// TypeScript. `npm run build` comes first.
import { deepEqual } from 'node:assert/strict';
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
import { dirname, join, relative } from 'node:path';
import { rootDirectory } from './directories.js';

interface Manifest {
  readonly name: string;
  readonly packageManager: string;
  readonly homepage: string;
  readonly exports: Readonly<Record<string, string | { readonly require?: { readonly default: string } }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const customer = mkdtempSync(join(tmpdir(), 'micropay-package-check-'));
try {
  const packages = join(rootDirectory, 'packages');
  const manifests = readdirSync(packages).map((folder) => checkArchive(join(packages, folder)));
  importEntryPoints(manifests.flatMap(entryPoints));
  requireCommonJs(manifests);
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
  // The server is programs, which are modules.
  const profile = name === '@micropay/server' ? 'esm-only' : 'strict';
  run('attw', [archive, '--profile', profile, '--no-definitely-typed']);

  const target = customerModule(name);
  mkdirSync(target, { recursive: true });
  run('tar', ['-xzf', archive, '-C', target, '--strip-components=1']);
  const manifest = readManifest(target);
  checkFields(manifest, folder);
  checkLinks(target);
  const { dependencies = {}, peerDependencies = {} } = manifest;
  for (const dependency of Object.keys({ ...dependencies, ...peerDependencies })) linkDependency(folder, dependency);
  return manifest;
}

/** Checks that the links on a package's npm page lead to this repository, whose address is the root's homepage. */
function checkFields(manifest: Manifest, folder: string): void {
  const { homepage, engines, license } = readManifest(rootDirectory) as Manifest & Record<string, unknown>;
  const directory = relative(rootDirectory, folder).replaceAll('\\', '/');
  const expected = {
    homepage: `${homepage}/tree/main/${directory}#readme`,
    repository: { type: 'git', url: `git+${homepage}.git`, directory },
    bugs: { url: `${homepage}/issues` },
    engines,
    license,
  };
  for (const [name, value] of Object.entries(expected)) {
    deepEqual((manifest as unknown as Record<string, unknown>)[name], value, `${name} of ${manifest.name}`);
  }
  const { description, keywords } = manifest as unknown as { description?: string; keywords?: readonly string[] };
  if (!description || !keywords?.length) throw new Error(`${manifest.name} has no description or no keywords.`);
}

/** A link of a README leads to a file of the archive, to a file of the repository by its whole address, or elsewhere. */
function checkLinks(target: string): void {
  const { homepage } = readManifest(rootDirectory);
  const readme = readFileSync(join(target, 'README.md'), 'utf8');
  for (const [, link = ''] of readme.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
    const [, inRepository] = new RegExp(`^${homepage}/(?:blob|tree)/main/(.+)$`).exec(link) ?? [];
    const path = inRepository === undefined ? join(target, link) : join(rootDirectory, inRepository);
    const isElsewhere = inRepository === undefined && /^https:/.test(link) && !link.startsWith(homepage);
    if (!isElsewhere && !existsSync(path)) throw new Error(`${target}/README.md links to ${link}, which is not there.`);
  }
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

function programOf(names: readonly string[]): string {
  return names.map((name, index) => `import * as entry${index} from '${name}';\nvoid entry${index};\n`).join('');
}

function importEntryPoints(names: readonly string[]): void {
  const program = programOf(names);
  writeFileSync(join(customer, 'customer.mts'), program);
  writeFileSync(join(customer, 'customer.mjs'), program);
  run(process.execPath, ['customer.mjs'], customer);
  const words = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2023,dom,dom.iterable'];
  // Declarations are checked too, as they stand: a type whose package is no dependency would silently be `any`.
  run('tsc', [...words, '--module', 'nodenext', '--skipLibCheck', 'false', 'customer.mts'], customer);
  // Older settings, and bundlers; the server has modules alone, which they do not all read.
  const libraries = names.filter((name) => !name.startsWith('@micropay/server'));
  writeFileSync(join(customer, 'customer.ts'), programOf(libraries));
  for (const [module, resolution] of [
    ['commonjs', 'node10'],
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ] as const) {
    const modes = ['--module', module, '--moduleResolution', resolution, '--skipLibCheck'];
    run('tsc', [...words, ...modes, 'customer.ts'], customer);
  }
}

/** The CommonJS, which Node would not take where it can have the modules, and Jest can alone: the same names. */
function requireCommonJs(manifests: readonly Manifest[]): void {
  for (const { name, exports } of manifests) {
    for (const [path, conditions] of Object.entries(exports)) {
      if (typeof conditions === 'string' || conditions.require === undefined) continue;
      const file = JSON.stringify(join(customerModule(name), conditions.require.default));
      const program = `
        const { deepEqual } = require('node:assert/strict');
        const required = Object.keys(require(${file}));
        import(${JSON.stringify(join(name, path))}).then((imported) => {
          deepEqual(required.filter((each) => each !== '__esModule').sort(), Object.keys(imported).sort());
        });`;
      writeFileSync(join(customer, 'customer.cjs'), program);
      run(process.execPath, ['customer.cjs'], customer);
    }
  }
}

/** The command as it is packed: what it needs must be in the archives, and its exit codes are documented. */
function runCommands(): void {
  const micropay = join(customerModule('@micropay/server'), 'dist', 'micropay.js');
  const file = join(customer, 'book.jsonl');
  writeFileSync(file, '{"address": "world", "currency": "USD"}\n');
  const environment = { ...process.env, DATABASE_URL: 'postgresql://127.0.0.1:1/nowhere' };
  const calls: readonly (readonly [exitCode: number, ...words: string[]])[] = [
    [0, '--help'],
    [0, '--version'],
    [0, 'serve', '--help'],
    [2, 'serve', '--prot', '4000'],
    [1, 'serve'],
    [2, 'relay', 'dance'],
    [1, 'relay', 'status'],
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
