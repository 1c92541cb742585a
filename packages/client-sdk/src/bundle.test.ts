import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'tsup';
import { expect, it } from 'vitest';

const BYTES_MAX = 12_000;

it('is small, and runs where there is no Node', { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'client-sdk-'));
  try {
    await build({
      config: false,
      entry: { index: fileURLToPath(new URL('./index.ts', import.meta.url)) },
      outDir: directory,
      format: 'esm',
      target: 'es2022',
      // As an application's bundler would: everything in it, and nothing of Node.
      platform: 'browser',
      noExternal: [/.*/],
      minify: true,
      silent: true,
    });
    const bundle = await readFile(join(directory, 'index.js'));
    expect(gzipSync(bundle).length).toBeLessThan(BYTES_MAX);
    expect(bundle.toString()).not.toMatch(/\bnode:|\brequire\(|\bBuffer\b/);
    const { createClient } = await import(join(directory, 'index.js'));
    expect(createClient({ baseUrl: 'http://127.0.0.1' })).toHaveProperty('transfers');
  } finally {
    await rm(directory, { recursive: true });
  }
});
