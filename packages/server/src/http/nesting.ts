/** Whether a JSON value has values within values beyond this depth; walks level by level, so that depth costs no stack. */
export function isNestedBeyond(value: unknown, depthMax: number): boolean {
  let level = [value];
  for (let depth = 0; depth < depthMax; depth += 1) {
    level = level.flatMap(childrenOf);
    if (level.length === 0) return false;
  }
  return true;
}

function childrenOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}
