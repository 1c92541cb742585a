import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const PACKAGES = fileURLToPath(new URL('../packages', import.meta.url));
const IMPORT = /(?:from |import\()'(\.{1,2}\/[^']+)\.js'/g;

/** The folders below `root` that each folder imports from. Biome finds cycles of files, but none of folders. */
async function importsByFolder(root: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const imports = new Map<string, Set<string>>();
  for (const file of await readdir(root, { recursive: true })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const path = join(root, file);
    const from = folderOf(root, path);
    const found = imports.get(from) ?? new Set<string>();
    imports.set(from, found);
    for (const [, target = ''] of (await readFile(path, 'utf8')).matchAll(IMPORT)) {
      const to = folderOf(root, join(dirname(path), `${target}.ts`));
      if (to !== from && to !== '..') found.add(to);
    }
  }
  return imports;
}

/** A file directly below `root` stands for itself; everything outside is `..`. */
function folderOf(root: string, path: string): string {
  return relative(root, path).split(sep)[0] ?? '';
}

it.each(['server/src', 'ledger-core/src', 'ledger-core/src/domain'])(
  'no folders of %s import each other in a cycle',
  async (folder) => {
    const imports = new Map(await importsByFolder(join(PACKAGES, folder)));
    // A folder that imports only folders already removed is in no cycle.
    for (let before = 0; before !== imports.size; ) {
      before = imports.size;
      for (const [folder, targets] of imports) {
        if (![...targets].some((target) => imports.has(target))) imports.delete(folder);
      }
    }
    expect([...imports.keys()]).toEqual([]);
  },
);
