/** Many agents' overlays in one process over libp2p's memory transport: what each costs, and how fast an op reaches all. */
import { systemClock } from '../src/clock.ts';
import { isWanted } from '../src/p2p/links/link-choice.ts';
import type { Op } from '../src/policy/op.ts';
import { copy, eventually, House, type Router, writeBlock } from '../test/p2p/house.ts';
import { MemoryWire } from '../test/p2p/memory-wire.ts';
import type { Bench, Context } from './bench.ts';
import { atMost, cells, FIGURE_COLUMNS, type Figure, type Findings, figure, round } from './figures.ts';
import { collector } from './history.ts';

/** An agent is started every so often: a hundred at once make handshakes of more than a second on one core, which all give up. Milliseconds. */
const BETWEEN_MS = 250;
/** Between two ops whose way is timed, milliseconds. */
const PAUSE_MS = 250;
/** How often it is looked whether everybody is connected, milliseconds. */
const LOOK_MS = 500;
/** After that, and an op that came to all, the home comes to rest, milliseconds. */
const SETTLE_MS = 6_000;
const PATIENCE_MS = 300_000;

export const overlayMany: Bench<'agents' | 'smaller' | 'smallest' | 'ops' | 'idle' | 'tolerance'> = {
  name: 'overlay-many',
  describe: 'many overlays in one process: connecting, an op to all, idle bytes, processor, memory',
  options: {
    smallest: { describe: 'agents of the first home', default: 10 },
    smaller: { describe: 'agents of the second home', default: 30 },
    agents: { describe: 'agents of the last home', default: 100 },
    ops: { describe: 'ops whose way to all is timed', default: 20 },
    idle: { describe: 'how long an idle home is watched, s', default: 30 },
    tolerance: {
      describe:
        'silence after which a member is down, s; at the default of 6 keep-alives of 100 agents fill one core',
      default: 24,
    },
  },
  async run({ smallest, smaller, agents, ops, idle, tolerance }, context) {
    const homes: Home[] = [];
    for (const count of [smallest, smaller, agents]) {
      const home = await measureHome({ count, ops, idleS: idle, tolerance }, context);
      homes.push(home);
      context.tell(JSON.stringify(home));
    }
    return report(homes);
  },
};

interface Home {
  readonly agents: number;
  /** Links of each while it rests; and the most that one had at any look. */
  readonly connections: number;
  readonly mostConnections: number;
  /** From the first start until everybody has the links that it wants, ms. */
  readonly connectMs: number;
  /** From the announcement of an op until the last replica holds it, and until half of them do, ms. */
  readonly toAll: Figure;
  readonly toHalf: Figure;
  readonly bytesPerMinute: number;
  /** Of one core, for all agents together, while nothing happens. */
  readonly idleCores: number;
  /** Growth of the process, and of what it holds in the heap and in buffers, after garbage was collected, MB. */
  readonly rssMb: number;
  readonly heapMb: number;
}

interface Plan {
  readonly count: number;
  readonly ops: number;
  readonly idleS: number;
  /** Seconds. */
  readonly tolerance: number;
}

async function measureHome({ count, ops, idleS, tolerance }: Plan, { tell, signal }: Context): Promise<Home> {
  const collect = collector();
  collect();
  const before = process.memoryUsage();
  const house = new House();
  /** When each router admitted the op that is on its way. */
  const admitted: number[] = [];
  let watched = '';
  const note = ({ id }: Op) => {
    if (id === watched) admitted.push(performance.now());
  };
  const routers = routersOf(house, count, note);
  const wire = new MemoryWire();
  const began = performance.now();
  try {
    for (const [i, router] of routers.entries()) {
      const bootstrap = i === 0 ? [] : ['/memory/m0', `/memory/m${Math.floor(i / 2)}`];
      await house.start(router, {
        ...wire.end(`m${i}`),
        bootstrap,
        toleranceMs: tolerance * 1_000,
        addressesOf: (peer) => addressesOf(routers, peer),
      });
      await systemClock.sleep(BETWEEN_MS, signal);
    }
    const looked = await connected(routers, signal);
    const connectMs = looked.at - began;
    tell(`${count} agents are connected after ${Math.round(connectMs)} ms`);
    const reaches = async (op: Op, from: Router) => {
      admitted.length = 0;
      watched = op.id;
      const told = performance.now();
      from.network?.announceOp(op.envelope);
      // The author's own is not news.
      await eventually('an op is everywhere', () => admitted.length >= count - 1, PATIENCE_MS);
      return told;
    };
    await reaches(writeBlock(routers[0] as Router, 'first'), routers[0] as Router);
    await systemClock.sleep(SETTLE_MS, signal);
    const [bytes, cpu, since] = [bytesOf(routers), process.cpuUsage(), performance.now()];
    await systemClock.sleep(idleS * 1_000, signal);
    const minutes = (performance.now() - since) / 60_000;
    const used = process.cpuUsage(cpu);
    const bytesPerMinute = (bytesOf(routers) - bytes) / minutes / count;
    const resting = routers.map(linksOf);
    const toAll: number[] = [];
    const toHalf: number[] = [];
    for (let n = 0; n < ops; n++) {
      const from = routers[n % count] as Router;
      const told = await reaches(writeBlock(from, `op${n}`), from);
      toAll.push((admitted.at(-1) ?? told) - told);
      toHalf.push((admitted[Math.floor((count - 1) / 2)] ?? told) - told);
      await systemClock.sleep(PAUSE_MS, signal);
    }
    collect();
    const after = process.memoryUsage();
    return {
      agents: count,
      connections: resting.reduce((sum, links) => sum + links, 0) / count,
      mostConnections: Math.max(looked.most, ...resting, ...routers.map(linksOf)),
      connectMs,
      toAll: figure(toAll),
      toHalf: figure(toHalf),
      bytesPerMinute,
      idleCores: (used.user + used.system) / 1e6 / (minutes * 60),
      rssMb: (after.rss - before.rss) / 1e6,
      heapMb: (heldOf(after) - heldOf(before)) / 1e6,
    };
  } finally {
    await house.stop();
  }
}

const addressesOf = (routers: readonly Router[], peer: string) => {
  const at = routers.findIndex(({ key }) => key.peer === peer);
  return at < 0 ? [] : [`/memory/m${at}`];
};

function routersOf(house: House, count: number, onAdmitted: (op: Op) => void): Router[] {
  const all = Array.from({ length: count }, (_, i) =>
    house.router(i === 0 ? house.founder : undefined, onAdmitted),
  );
  const [founder, ...others] = all;
  if (founder === undefined) return all;
  for (const { key } of others) house.admit(founder, key.peer);
  for (const { replica } of others) copy(founder.replica, replica);
  return all;
}

/** When everybody had the links that it wants, and the most links that one had until then. */
async function connected(
  routers: readonly Router[],
  signal: AbortSignal,
): Promise<{ readonly at: number; readonly most: number }> {
  const until = performance.now() + PATIENCE_MS;
  let most = 0;
  for (;;) {
    const lacking = routers.filter((router) =>
      viewsOf(router).some(({ link }) => link.state === 'down' && isWanted(link.reason)),
    );
    most = Math.max(most, ...routers.map(linksOf));
    if (lacking.length === 0) return { at: performance.now(), most };
    if (performance.now() > until) throw new Error(`${lacking.length} agents lack links that they want`);
    await systemClock.sleep(LOOK_MS, signal);
  }
}

const viewsOf = ({ network }: Router) => network?.peers() ?? [];
const linksOf = (router: Router) => viewsOf(router).filter(({ link }) => link.state === 'up').length;
const bytesOf = (routers: readonly Router[]) =>
  routers.flatMap(viewsOf).reduce((total, { bytesOut }) => total + bytesOut, 0);
const heldOf = ({ heapUsed, external }: NodeJS.MemoryUsage) => heapUsed + external;

function report(homes: readonly Home[]): Findings {
  const last = homes.at(-1);
  const kb = (bytes: number) => Math.round(bytes / 1_000);
  return {
    figures: homes,
    tables: [
      {
        title: 'homes of so many agents, all in this one process',
        columns: [
          'agents',
          'links each',
          'most of one',
          'all that are wanted after, s',
          'kB each a minute, idle',
          'cores, idle',
          'MB',
          'MB each',
          'of it heap and buffers',
        ],
        rows: homes.map((home) => [
          home.agents,
          round(home.connections),
          home.mostConnections,
          round(home.connectMs / 1_000),
          kb(home.bytesPerMinute),
          round(home.idleCores),
          Math.round(home.rssMb),
          round(home.rssMb / home.agents),
          round(home.heapMb / home.agents),
        ]),
      },
      {
        title: 'an op, from its announcement until replicas hold it, ms',
        columns: ['agents', ...FIGURE_COLUMNS],
        rows: homes.flatMap(({ agents, toHalf, toAll }) => [
          [`${agents}, half of them`, ...cells(toHalf)],
          [`${agents}, all`, ...cells(toAll)],
        ]),
      },
    ],
    targets:
      last === undefined
        ? []
        : [atMost(`${last.agents} agents, growth of the process`, last.rssMb, 293, 'MB')],
  };
}
