import { defineConfig, type Options } from 'tsup';

const shared = {
  entry: {
    index: 'src/index.ts',
    'adapters/pg': 'src/adapters/pg.ts',
    'adapters/kysely': 'src/adapters/kysely.ts',
    'adapters/drizzle': 'src/adapters/drizzle.ts',
    'adapters/knex': 'src/adapters/knex.ts',
    'adapters/postgres-js': 'src/adapters/postgres-js.ts',
    kafka: 'src/kafka.ts',
  },
  target: 'node20',
  dts: true,
  sourcemap: true,
} satisfies Options;

export default defineConfig([
  { ...shared, format: 'esm', clean: true },
  {
    ...shared,
    // For Jest and other tools that cannot load modules; Node itself takes the modules, also by `require`.
    format: 'cjs',
    // One copy of what entry points share, so that an error of one is an instance of the other's class.
    splitting: true,
    // import.meta.url in CommonJS. tsup's own asks first whether there is a document, as Jest may have.
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
    // They have no CommonJS of their own.
    noExternal: ['temporal-polyfill', 'uuid'],
  },
]);
