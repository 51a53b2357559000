import { defineConfig } from 'vitest/config';

import { sabotagePlugin } from './tests/simulation/sabotage-plugin.ts';

export default defineConfig({
  test: {
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          // Half of the time would go into loading the same modules again for each file. What a file changes in the process, it puts back.
          isolate: false,
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/e2e/**', 'tests/packages/**', 'tests/receivers/**', 'tests/simulation/**'],
          testTimeout: 20_000,
          setupFiles: ['tests/attack/seed.ts'],
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'packages',
          include: ['tests/packages/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        plugins: [sabotagePlugin()],
        test: {
          name: 'simulation',
          include: ['tests/simulation/*.test.ts'],
          testTimeout: 1_800_000,
        },
      },
      {
        plugins: [sabotagePlugin()],
        test: {
          name: 'replicas',
          include: ['tests/simulation/replicas/*.test.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
          // Time is simulated, but for the database's own limits.
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'receivers',
          include: ['tests/receivers/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
