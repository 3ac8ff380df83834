/**
 * A home in two halves that both change: how long after the link is back all hold the same, and all kernels too. Asking disturbs what
 * is measured: `status` and `peers` cost an agent 2.7 and 1.8 ms of a busy core, each 50 ms that was a tenth of all that
 * healing cost it. So only `status` is asked, each 100 ms, and `peers` from when all hold the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { allTogether, found, makeCommunity, peerStates, routersOf } from '../lab/community.ts';
import { separate } from '../lab/faults.ts';
import { type House, raise } from '../lab/house-api.ts';
import { timeUntil, until } from '../lab/wait.ts';
import type { Bench, Context } from './bench.ts';
import { Commander } from './commander.ts';
import { atMost, cells, FIGURE_COLUMNS, type Figure, figure } from './figures.ts';
import { spent } from './together-cost.ts';

const ROUTERS = 4;
const HEAL_MS = 120_000;
const EVERY_MS = 100;
/** A router says all its registers anew a minute after its first start (src/local/nodes/publisher.ts): no part of healing. */
const GROWN_MS = 62_000;

export const togetherHealing: Bench<'rounds' | 'ops'> = {
  name: 'together-healing',
  describe: 'a home of four in two halves that both change: from the link back to all being equal',
  options: {
    rounds: { describe: 'partitions', default: 5 },
    ops: { describe: 'changes that differ, half of them on each side', default: 1_000 },
  },
  quick: { rounds: 2 },
  async run(options, context) {
    const name = `bench-healing-${process.pid}`;
    const house = await raise(makeCommunity(ROUTERS), { name, signal: context.signal });
    try {
      const healed = await measure(house, options, context);
      const rows: readonly (readonly [string, Figure])[] = [
        ['all hold the same', figure(healed.map(({ digests }) => digests))],
        ['all kernels too', figure(healed.map(({ kernels }) => kernels))],
      ];
      const cpu = figure(healed.flatMap((one) => one.cpu));
      return {
        figures: healed,
        tables: [
          {
            title: `from the link back, ${options.ops} changes that differ, ms`,
            columns: ['until', ...FIGURE_COLUMNS],
            rows: rows.map(([what, all]) => [what, ...cells(all)]),
          },
          {
            title: 'processor time of one agent from the link back until all kernels are equal, ms',
            columns: ['routers', ...FIGURE_COLUMNS],
            rows: [[ROUTERS, ...cells(cpu)]],
          },
        ],
        targets: [
          atMost('all hold the same after a partition, p50', rows[0]?.[1].p50 ?? 0, 2_000, 'ms'),
          atMost('all kernels too, p50', rows[1]?.[1].p50 ?? 0, 2_000, 'ms'),
        ],
      };
    } finally {
      await house.down();
    }
  },
};

/** Milliseconds from the link back. */
interface Healed {
  readonly digests: number;
  readonly kernels: number;
  /** Processor time of each agent in that while. */
  readonly cpu: readonly number[];
}

type Options = Parameters<typeof togetherHealing.run>[0];

async function measure(house: House, options: Options, { tell, signal }: Context): Promise<Healed[]> {
  const names = routersOf(house);
  const [left, right] = [names.slice(0, ROUTERS / 2), names.slice(ROUTERS / 2)];
  await found(house, signal);
  await allTogether(house, { signal });
  await sleep(GROWN_MS, undefined, { signal });
  const commanders = await Promise.all(names.map((name) => Commander.open(house, name, signal)));
  const digests = async () =>
    await Promise.all(commanders.map(async (one) => (await one.call<{ digest: string }>('status')).digest));
  const inKernels = async () => {
    type Peer = { applied: boolean; inStep?: boolean };
    const views = await Promise.all(commanders.map((one) => one.call<Peer[]>('peers')));
    return views.flat().every(({ applied, inStep }) => applied && inStep === true);
  };
  const healed: Healed[] = [];
  try {
    for (let round = 0; round < options.rounds; round++) {
      await separate(house, left);
      await allDown(house, left, right, signal);
      const half = Math.ceil(options.ops / 2);
      await Promise.all(
        [commanders[0], commanders[ROUTERS / 2]].map(async (commander, side) => {
          const first = house.topology.devices[0]?.mac;
          for (let n = 0; n < half; n++) {
            const second = address((2 * round + side) * half + n);
            await commander?.call('block', { first, second, by: 'bench', wait: false });
          }
        }),
      );
      // Each side is at rest, and the two differ.
      const halves = async () => new Set(await digests()).size === 2;
      await until('each side to agree', halves, { timeoutMs: HEAL_MS, everyMs: 200, signal });
      await sleep(3_000 + Math.random() * 1_000, undefined, { signal });
      const before = await spent(house, names);
      const begun = performance.now();
      await house.heal();
      const link = (performance.now() - begun) / 2;
      const took = (ms: number | undefined) => (ms ?? HEAL_MS) + link;
      const often = { timeoutMs: HEAL_MS, everyMs: EVERY_MS, signal };
      const all = await timeUntil(async () => new Set(await digests()).size === 1, often);
      const then = await timeUntil(inKernels, often);
      const kernels = all === undefined || then === undefined ? undefined : all + then;
      const after = await spent(house, names);
      const cpu = after.map(({ cpuMs }, i) => cpuMs - (before[i]?.cpuMs ?? 0));
      healed.push({ digests: took(all), kernels: took(kernels), cpu });
      tell(
        `partition ${round + 1}: equal after ${Math.round(took(all))} ms, kernels ${Math.round(took(kernels))}`,
      );
      await allTogether(house, { signal });
    }
  } finally {
    for (const commander of commanders) commander.close();
  }
  return healed;
}

async function allDown(house: House, left: readonly string[], right: readonly string[], signal: AbortSignal) {
  const pairs = [...left.map((one) => [one, right] as const), ...right.map((one) => [one, left] as const)];
  await until(
    'each side to call the other down',
    async () => {
      const views = await Promise.all(pairs.map(([seer]) => peerStates(house, seer)));
      return pairs.every(([, others], i) =>
        others.every((other) => ['down', 'pruned'].includes(views[i]?.[other] ?? '')),
      );
    },
    { timeoutMs: 60_000, everyMs: 100, signal },
  );
}

/** Addresses of the benchmarking range (RFC 2544): nobody is there. */
const address = (n: number) => `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
