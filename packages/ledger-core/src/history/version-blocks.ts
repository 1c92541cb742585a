/** Versions in a block. */
export const BLOCK_VERSIONS = 32;

/**
 * The expression by which the history indexes order an account's entries: the block of 32 that a version is in. A range
 * of versions names its blocks too, and an order of versions begins with them, or the indexes are no help.
 */
export function blockOf(version: string): string {
  return `(${version} >> 5)`;
}
