import { defineConfig } from 'vitest/config';

/** The machines have two cores; by default one of them would be left alone. */
const WORKERS = 2;
/** Of tests that mostly wait for others. */
const WAITING = 3;

/** Those of test/netns that are one process, and no house of agents. */
const ALONE =
  'test/netns/{discovery,enforce,external,halt,ipset,nft,observe,port-mapping,token-log}*.test.ts';

/** How long a test or a hook may take, milliseconds: none waits for this, and a busy machine fails none by it. */
const PATIENCE = { testTimeout: 120_000, hookTimeout: 120_000 };

/**
 * Tests that wait on sockets, brokers, the kernel and other processes run beside each other, after those that do not: first
 * those of p2p, as many as there are cores, since some of them measure time; then those that wait more than they work. Those with a house of agents, which take both
 * cores, run one file at a time, after all others.
 */
const real = (name: string, groupOrder: number, workers: number, include = `test/${name}/**/*.test.ts`) => ({
  test: {
    name,
    include: [include],
    pool: 'forks' as const,
    maxWorkers: workers,
    fileParallelism: workers > 1,
    sequence: { groupOrder },
    ...PATIENCE,
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
          // No module of ours keeps anything: to load them anew for each of 300 files would take half of the time.
          isolate: false,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
          ...PATIENCE,
        },
      },
      real('p2p', 1, WORKERS),
      real('doors', 2, WAITING),
      real('mqtt', 2, WAITING),
      real('durability', 2, WAITING),
      real('kernel', 2, WAITING, ALONE),
      { test: { ...real('netns', 3, 1).test, exclude: [ALONE] } },
    ],
  },
});
