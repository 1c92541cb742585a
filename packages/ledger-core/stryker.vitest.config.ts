import { defineConfig } from 'vitest/config';

/** The unit tests of the domain alone: mutants must die by them, without a database. */
export default defineConfig({ test: { include: ['src/domain/**/*.test.ts'], testTimeout: 30_000 } });
