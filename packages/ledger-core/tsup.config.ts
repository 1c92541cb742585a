import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    'adapters/pg': 'src/adapters/pg.ts',
    'adapters/kysely': 'src/adapters/kysely.ts',
    'adapters/drizzle': 'src/adapters/drizzle.ts',
    'adapters/knex': 'src/adapters/knex.ts',
    'adapters/postgres-js': 'src/adapters/postgres-js.ts',
    kafka: 'src/kafka.ts',
  },
  format: 'esm',
  target: 'node20',
  dts: true,
  sourcemap: true,
  clean: true,
});
