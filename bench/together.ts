/** Homes of many real agents: how long until all see all after a power cut, how fast a block reaches them, what they cost at rest. */
import { setTimeout as sleep } from 'node:timers/promises';
import { allTogether, found, makeCommunity, routersOf, seesAll } from '../lab/community.ts';
import { type House, raise } from '../lab/house-api.ts';
import { powerOff, powerOn } from '../lab/power.ts';
import type { Bench, Context } from './bench.ts';
import { Commander } from './commander.ts';
import { atMost, cells, FIGURE_COLUMNS, type Figure, figure, median, type Table } from './figures.ts';
import { type Cost, costOf, spent } from './together-cost.ts';

const SIZES = [3, 5, 10, 20];
/** From a start until gossip, sync and leases have come to rest. */
const SETTLE_MS = 20_000;
const TOGETHER_MS = 300_000;

export const together: Bench<'rounds' | 'blocks' | 'seconds' | 'smallest' | 'largest'> = {
  name: 'together',
  describe: 'homes of 3 to 20 routers: from a power cut to all together, a block to all kernels, and rest',
  options: {
    rounds: { describe: 'power cuts of each home', default: 5 },
    blocks: { describe: 'blocks and unblocks of each home', default: 50 },
    seconds: { describe: 'how long each is watched at rest', default: 60 },
    smallest: { describe: 'of homes of 3, 5, 10 and 20 routers, from so many', default: 3 },
    largest: { describe: 'up to so many', default: 20 },
  },
  quick: { rounds: 2, blocks: 20, seconds: 30, smallest: 3, largest: 10 },
  async run(options, context) {
    const homes: Home[] = [];
    for (const count of SIZES.filter((size) => size >= options.smallest && size <= options.largest)) {
      const house = await raise(makeCommunity(count), {
        name: `bench-together-${process.pid}`,
        signal: context.signal,
      });
      try {
        const home = await measure(house, options, context);
        homes.push(home);
        context.tell(`${count} routers: ${summary(home)}`);
      } finally {
        await house.down();
      }
    }
    const three = homes.find(({ routers }) => routers === 3);
    return {
      figures: homes,
      tables: tables(homes),
      targets: three
        ? [
            atMost('a block in every kernel, 3 routers, p50', three.everywhere.p50, 15, 'ms'),
            atMost('a block in every kernel, 3 routers, p99', three.everywhere.p99, 100, 'ms'),
          ]
        : [],
    };
  },
};

interface Home {
  readonly routers: number;
  /** From the power to the moment at which a router sees all the others alive: every router of every cut, ms. */
  readonly together: Figure;
  /** The last router of each cut, ms. */
  readonly all: Figure;
  /** Processor time of one agent from its start until all are together, ms: less than the clock a matter of the machine's load. */
  readonly startCpu: Figure;
  readonly everywhere: Figure;
  /** Blocks that were not in every kernel within the agent's wait. */
  readonly late: number;
  readonly rest: Cost;
}

type Options = Parameters<typeof together.run>[0];

async function measure(house: House, options: Options, context: Context): Promise<Home> {
  const { signal, tell } = context;
  const names = routersOf(house);
  await found(house, signal);
  await allTogether(house, { timeoutMs: TOGETHER_MS, signal, heard: true });
  const each: number[] = [];
  const all: number[] = [];
  const startCpu: number[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    await powerOff(house, names);
    const took = await powerUp(house, signal);
    each.push(...took);
    all.push(Math.max(...took));
    startCpu.push(...(await spent(house, names)).map(({ cpuMs }) => cpuMs));
    tell(`${names.length} routers, power cut ${round}: together in ${Math.round(Math.max(...took))} ms`);
  }
  await sleep(SETTLE_MS, undefined, { signal });
  const rest = await costOf(house, names, options.seconds, signal);
  const blocks = await blockAll(house, options.blocks, signal);
  return {
    routers: names.length,
    together: figure(each),
    all: figure(all),
    startCpu: figure(startCpu),
    everywhere: figure(blocks.filter((ms) => ms !== undefined)),
    late: blocks.filter((ms) => ms === undefined).length,
    rest,
  };
}

/** Milliseconds until each router sees all the others. */
async function powerUp(house: House, signal: AbortSignal): Promise<number[]> {
  const names = routersOf(house);
  const waiting = { timeoutMs: TOGETHER_MS, signal, heard: true };
  const [started, ...seen] = await Promise.all([
    powerOn(house, names, { signal }),
    ...names.map(async (router) => {
      await seesAll(house, router, names, waiting);
      return performance.now();
    }),
  ]);
  return seen.map((at) => at - started);
}

/** Milliseconds until each block and unblock was in every kernel, as the answer tells; undefined when it was not. */
async function blockAll(house: House, count: number, signal: AbortSignal): Promise<(number | undefined)[]> {
  const [router = ''] = routersOf(house);
  const commander = await Commander.open(house, router, signal);
  const routers = routersOf(house).length;
  const took: (number | undefined)[] = [];
  try {
    for (let n = 0; n < count; n++) {
      for (const method of ['block', 'unblock']) {
        const pair = { first: house.topology.devices[0]?.mac, second: `198.18.0.${n}`, by: 'bench' };
        const answer = await commander.call<{ routers: { applied: boolean; ms: number }[] }>(method, pair);
        const applied = answer.routers.filter((one) => one.applied).map(({ ms }) => ms);
        took.push(applied.length === routers ? Math.max(...applied) : undefined);
        await sleep(50, undefined, { signal });
      }
    }
  } finally {
    commander.close();
  }
  return took;
}

const summary = ({ all, everywhere, rest }: Home) =>
  `together ${all.p50} ms, a block ${everywhere.p50} ms, at rest ${median(rest.cpuPercent)} % CPU, ` +
  `${median(rest.rssMb)} MB, ${median(rest.kbMinute)} kB a minute`;

function tables(homes: readonly Home[]): Table[] {
  const figures = (title: string, of: (home: Home) => Figure) => ({
    title,
    columns: ['routers', ...FIGURE_COLUMNS],
    rows: homes.map((home) => [home.routers, ...cells(of(home))]),
  });
  return [
    figures('from the power to seeing all the others alive, each router, ms', ({ together }) => together),
    figures('the last router of each power cut, ms', ({ all }) => all),
    figures('processor time of one agent until all are together, ms', ({ startCpu }) => startCpu),
    figures('a block or unblock on one router until every kernel has it, ms', ({ everywhere }) => everywhere),
    {
      title: 'one agent at rest, median of the agents',
      columns: [
        'routers',
        'CPU, %',
        'resident, MB',
        'own, MB',
        'kB a minute',
        'frames a minute',
        'late blocks',
      ],
      rows: homes.map(({ routers, rest, late }) => [
        routers,
        ...[rest.cpuPercent, rest.rssMb, rest.ownMb, rest.kbMinute, rest.framesMinute].map(median),
        late,
      ]),
    },
  ];
}
