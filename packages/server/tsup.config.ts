import { copyFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'tsup';

const scalar = new URL('./browser/standalone.js', import.meta.resolve('@scalar/api-reference'));

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    micropay: 'src/cli/main.ts',
    'password-thread': 'src/auth/passwords/password-thread.js',
    'pdf-thread': 'src/statements/pdf-thread.js',
  },
  format: 'esm',
  target: 'node20',
  dts: { entry: { index: 'src/index.ts' } },
  sourcemap: true,
  clean: true,
  // The documentation page is served from the package, so that it asks nobody else for its script.
  onSuccess: () => copyFile(fileURLToPath(scalar), 'dist/scalar.js'),
});
