import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { rootDirectory } from './directories.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the programs that are built for a run: each has the path of its source, as `.mjs`. */
    programs: string;
  }
}

/** The arguments with which Node runs one of the programs that `vitest-programs.ts` builds, by the URL of its source. */
export function builtProgram(source: URL): readonly string[] {
  const path = relative(rootDirectory, fileURLToPath(source)).replace(/\.ts$/, '.mjs');
  return ['--enable-source-maps', join(inject('programs'), path)];
}
