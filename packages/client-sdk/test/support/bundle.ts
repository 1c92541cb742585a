import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Options } from 'tsup';

/** Bundles as an application's bundler would, with everything in it and nothing from Node; returns the path. */
export async function bundle(
  entry: string | URL,
  { directory, ...options }: { readonly directory: string } & Pick<Options, 'format' | 'minify'>,
): Promise<string> {
  await build({
    config: false,
    entry: { bundle: fileURLToPath(entry) },
    outDir: directory,
    target: 'es2022',
    platform: 'browser',
    noExternal: [/.*/],
    silent: true,
    outExtension: () => ({ js: '.js' }),
    ...options,
  });
  return join(directory, 'bundle.js');
}
