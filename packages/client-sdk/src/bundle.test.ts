import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { bundle } from '../test/support/bundle.js';

const BYTES_MAX = 12_800;

it('the bundled client is small, and runs without Node', { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'client-sdk-'));
  try {
    const path = await bundle(new URL('./index.ts', import.meta.url), { directory, format: 'esm', minify: true });
    const script = await readFile(path);
    expect(gzipSync(script).length).toBeLessThan(BYTES_MAX);
    expect(script.toString()).not.toMatch(/\bnode:|\brequire\(|\bBuffer\b/);
    const { createClient } = await import(path);
    expect(createClient({ baseUrl: 'http://127.0.0.1' })).toHaveProperty('transfers');
  } finally {
    await rm(directory, { recursive: true });
  }
});
