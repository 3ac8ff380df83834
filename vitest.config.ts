import { defineConfig } from 'vitest/config';

/** Tests that share the machine's kernel and clock run one file at a time, after those that do not. */
const oneAtATime = (name: string, groupOrder: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    pool: 'forks' as const,
    fileParallelism: false,
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
          sequence: { groupOrder: 0 },
        },
      },
      oneAtATime('p2p', 1),
      oneAtATime('doors', 2),
      oneAtATime('mqtt', 3),
      oneAtATime('netns', 4),
      oneAtATime('durability', 5),
    ],
  },
});
