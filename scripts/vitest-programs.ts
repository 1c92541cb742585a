import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { TestProject } from 'vitest/node';
import type {} from './built-program.js';
import { rootDirectory } from './directories.js';

const CACHE = join(rootDirectory, 'node_modules/.cache');

/** Builds the programs that tests start, once for all of them: when tsx compiles one, each start takes a second longer. */
export default async function setup(project: TestProject): Promise<() => void> {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'micropay-programs-'));
  const buildPrograms = () => buildInto(folder);
  await buildPrograms();
  project.onTestsRerun(buildPrograms);
  project.provide('programs', folder);
  return () => rmSync(folder, { recursive: true });
}

/** `micropay`, and the processes that ledger-core's tests kill. */
function sources(): readonly string[] {
  const support = join(rootDirectory, 'packages/ledger-core/test/support');
  const killed = readdirSync(support).filter((name) => name.endsWith('-process.ts'));
  return [join(rootDirectory, 'packages/server/src/cli/main.ts'), ...killed.map((name) => join(support, name))];
}

async function buildInto(folder: string): Promise<void> {
  await build({
    entryPoints: [...sources()],
    outdir: folder,
    outbase: rootDirectory,
    outExtension: { '.js': '.mjs' },
    sourcemap: 'linked',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // Packages are resolved as Node resolves them.
    conditions: ['node', 'import'],
    mainFields: ['main'],
    plugins: [bundleOnlySources],
  });
}

/** Leaves installed packages where they are. Each source keeps its own URL, by which it finds the files beside it. */
const bundleOnlySources: Plugin = {
  name: 'bundle-only-sources',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (kind === 'entry-point' || pluginData === 'resolving') return undefined;
      const { path: found, errors } = await resolve(path, { kind, importer, resolveDir, pluginData: 'resolving' });
      return { path: found, errors, external: !found.endsWith('.ts') };
    });
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { loader: 'ts', contents: source.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)) };
    });
  },
};
