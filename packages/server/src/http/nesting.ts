/** Whether a JSON value has values within values beyond this depth; walks level by level, so that depth costs no stack. */
export function isNestedBeyond(value: unknown, depthMax: number): boolean {
  let level = [value];
  for (let depth = 0; depth < depthMax; depth += 1) {
    level = level.flatMap(childrenOf);
    if (level.length === 0) return false;
  }
  return true;
}

interface Placed {
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * Where a JSON value holds U+0000, in names too, or a whole number that may have been rounded; undefined when nowhere within
 * this depth. Walks as above.
 */
export function findUnstorable(value: unknown, depthMax: number): readonly string[] | undefined {
  let level: readonly Placed[] = [{ path: [], value }];
  for (let depth = 0; depth <= depthMax && level.length > 0; depth += 1) {
    const found = level.find(isUnstorable);
    if (found !== undefined) return found.path;
    level = level.flatMap(membersOf);
  }
  return undefined;
}

function isUnstorable({ path, value }: Placed): boolean {
  if (path.at(-1)?.includes('\0') === true) return true;
  return typeof value === 'string' ? value.includes('\0') : Number.isInteger(value) && !Number.isSafeInteger(value);
}

function membersOf({ path, value }: Placed): readonly Placed[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).map(([name, member]) => ({ path: [...path, name], value: member }));
}

function childrenOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}
