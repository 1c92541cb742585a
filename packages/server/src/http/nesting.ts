/** Whether a JSON value has values within values beyond this depth; walks level by level, so that depth costs no stack. */
export function isNestedBeyond(value: unknown, depthMax: number): boolean {
  let level = [value];
  for (let depth = 0; depth < depthMax; depth += 1) {
    level = level.flatMap(childrenOf);
    if (level.length === 0) return false;
  }
  return true;
}

/** Whether no text within a JSON value holds U+0000, names included, and no whole number may have been rounded; walks as above. */
export function isStorable(value: unknown): boolean {
  for (let level = [value]; level.length > 0; level = level.flatMap(childrenOf)) {
    if (level.some((item) => Number.isInteger(item) && !Number.isSafeInteger(item))) return false;
    if (level.some((item) => textsOf(item).some((text) => text.includes('\0')))) return false;
  }
  return true;
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
}

function childrenOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}
