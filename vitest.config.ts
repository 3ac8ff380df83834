import { defineConfig } from 'vitest/config';

/** The machines have two cores; by default one of them would be left alone. */
const WORKERS = 2;

/**
 * Tests that wait on sockets, brokers and other processes run beside each other, after those that do not; tests that share the
 * machine's kernel and clock run one file at a time, after all others.
 */
const real = (name: string, groupOrder: number, fileParallelism: boolean) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    pool: 'forks' as const,
    fileParallelism,
    ...(fileParallelism ? { maxWorkers: WORKERS } : {}),
    sequence: { groupOrder },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: ['test/*.test.ts', 'test/{unit,property,contract,sim}/**/*.test.ts'],
          setupFiles: ['test/support/seed.ts'],
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      real('p2p', 1, true),
      real('doors', 1, true),
      real('mqtt', 1, true),
      real('netns', 2, false),
      real('durability', 3, false),
    ],
  },
});
