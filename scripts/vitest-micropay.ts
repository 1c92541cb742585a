import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { TestProject } from 'vitest/node';
import { rootDirectory } from './directories.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the program `micropay`, built from the sources of this checkout. */
    micropayProgram: string;
  }
}

const CACHE = join(rootDirectory, 'node_modules/.cache');

/** Builds `micropay` once for all tests that start it: when tsx compiles it, each start takes a second longer. */
export default async function setup(project: TestProject): Promise<() => void> {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'micropay-program-'));
  const buildProgram = () => buildInto(folder);
  await buildProgram();
  project.onTestsRerun(buildProgram);
  project.provide('micropayProgram', join(folder, 'main.mjs'));
  return () => rmSync(folder, { recursive: true });
}

async function buildInto(folder: string): Promise<void> {
  await build({
    entryPoints: [join(rootDirectory, 'packages/server/src/cli/main.ts')],
    outdir: folder,
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
