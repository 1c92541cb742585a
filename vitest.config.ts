import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Much of a test's time is spent waiting for a database, a broker or a process to come back.
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'bench/src/**/*.test.ts', 'examples/*/src/**/*.test.ts'],
          testTimeout: 30_000,
          // Pure tests leave nothing behind, and loading every module anew for each file costs more than the tests.
          isolate: false,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts'],
          globalSetup: ['scripts/vitest-postgres.ts', 'scripts/vitest-kafka.ts', 'scripts/vitest-programs.ts'],
          setupFiles: ['scripts/vitest-warnings.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 10_000 } },
        },
      },
      {
        test: {
          name: 'tools',
          include: ['tools/*/test/**/*.test.ts', 'scripts/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
