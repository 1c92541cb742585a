import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SERVER = fileURLToPath(new URL('../packages/server/src', import.meta.url));
const IMPORT = /(?:from |import\()'(\.{1,2}\/[^']+)\.js'/g;

/** The folders below `src` that each folder imports from. Biome finds cycles of files, but none of folders. */
async function importsByFolder(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const imports = new Map<string, Set<string>>();
  for (const file of await readdir(SERVER, { recursive: true })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const path = join(SERVER, file);
    const from = folderOf(path);
    const found = imports.get(from) ?? new Set<string>();
    imports.set(from, found);
    for (const [, target = ''] of (await readFile(path, 'utf8')).matchAll(IMPORT)) {
      const to = folderOf(join(dirname(path), `${target}.ts`));
      if (to !== from) found.add(to);
    }
  }
  return imports;
}

/** A file directly below `src` stands for itself. */
function folderOf(path: string): string {
  return relative(SERVER, path).split(sep)[0] ?? '';
}

it('no folders of the server import each other in a circle', async () => {
  const imports = new Map(await importsByFolder());
  // What imports only what is gone already is in no circle.
  for (let before = 0; before !== imports.size; ) {
    before = imports.size;
    for (const [folder, targets] of imports) {
      if (![...targets].some((target) => imports.has(target))) imports.delete(folder);
    }
  }
  expect([...imports.keys()]).toEqual([]);
});
