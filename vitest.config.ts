import { defineConfig } from 'vitest/config';

/** The machines have two cores; by default one of them would be left alone. */
const WORKERS = 2;

/** Those of test/netns that are one process, and no house of agents. */
const ALONE =
  'test/netns/{discovery,enforce,external,halt,ipset,nft,observe,port-mapping,token-log}*.test.ts';

/**
 * Tests that wait on sockets, brokers, the kernel and other processes run beside each other, after those that do not; those with
 * a house of agents, which take both cores, run one file at a time, after all others.
 */
const real = (
  name: string,
  groupOrder: number,
  fileParallelism: boolean,
  include = `test/${name}/**/*.test.ts`,
) => ({
  test: {
    name,
    include: [include],
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
      real('durability', 2, true),
      real('kernel', 2, true, ALONE),
      { test: { ...real('netns', 3, false).test, exclude: [ALONE] } },
    ],
  },
});
