import { readFileSync } from 'node:fs';

const PACKAGE = new URL('../../package.json', import.meta.url);

/** The sources that the package exports. */
export const ENTRY_POINTS: readonly URL[] = Object.values<string>(
  JSON.parse(readFileSync(PACKAGE, 'utf8')).exports,
).map((path) => new URL(path, PACKAGE));
