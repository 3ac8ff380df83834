/** Many agents' overlays in one process over libp2p's memory transport: what each costs, and how fast an op reaches all. */
import { systemClock } from '../src/clock.ts';
import type { Op } from '../src/policy/op.ts';
import { copy, eventually, House, type Router, writeBlock } from '../test/p2p/house.ts';
import { MemoryWire } from '../test/p2p/memory-wire.ts';
import type { Bench, Context } from './bench.ts';
import { atMost, cells, FIGURE_COLUMNS, type Figure, type Findings, figure, round } from './figures.ts';
import { collector } from './history.ts';

/** An agent is started every so often while a home grows, so that a start is not all handshakes, milliseconds. */
const BETWEEN_MS = 20;
/** Between two ops whose way is timed, milliseconds. */
const PAUSE_MS = 250;
/** Everybody is connected when no connection has come or gone for so long, milliseconds. */
const QUIET_MS = 3_000;
const PATIENCE_MS = 900_000;

export const overlayMany: Bench<'agents' | 'smaller' | 'smallest' | 'ops' | 'idle'> = {
  name: 'overlay-many',
  describe: 'many overlays in one process: connecting, an op to all, idle bytes, processor, memory',
  options: {
    smallest: { describe: 'agents of the first home', default: 10 },
    smaller: { describe: 'agents of the second home', default: 30 },
    agents: { describe: 'agents of the last home', default: 100 },
    ops: { describe: 'ops whose way to all is timed', default: 20 },
    idle: { describe: 'how long an idle home is watched, s', default: 30 },
  },
  async run({ smallest, smaller, agents, ops, idle }, context) {
    const homes: Home[] = [];
    for (const count of [smallest, smaller, agents]) {
      const home = await measureHome(count, ops, idle, context);
      homes.push(home);
      context.tell(JSON.stringify(home));
    }
    return report(homes);
  },
};

interface Home {
  readonly agents: number;
  readonly connections: number;
  /** From the first start until the last connection, ms. */
  readonly connectMs: number;
  /** From the announcement of an op until the last replica holds it, and until half of them do, ms. */
  readonly toAll: Figure;
  readonly toHalf: Figure;
  readonly bytesPerMinute: number;
  /** Of one core, for all agents together, while nothing happens. */
  readonly idleCores: number;
  /** Growth of the process, MB. */
  readonly rssMb: number;
}

async function measureHome(
  count: number,
  ops: number,
  idleS: number,
  { tell, signal }: Context,
): Promise<Home> {
  const collect = collector();
  collect();
  const before = process.memoryUsage().rss;
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
        addressesOf: (peer) => addressesOf(routers, peer),
      });
      await systemClock.sleep(BETWEEN_MS, signal);
    }
    const connectMs = (await settled(routers)) - began;
    tell(`${count} agents are connected`);
    await systemClock.sleep(6_000, signal);
    const [bytes, cpu, since] = [bytesOf(routers), process.cpuUsage(), performance.now()];
    await systemClock.sleep(idleS * 1_000, signal);
    const minutes = (performance.now() - since) / 60_000;
    const used = process.cpuUsage(cpu);
    const bytesPerMinute = (bytesOf(routers) - bytes) / minutes / count;
    const toAll: number[] = [];
    const toHalf: number[] = [];
    for (let n = 0; n < ops; n++) {
      const from = routers[n % count] as Router;
      admitted.length = 0;
      // The author's own is not news.
      const op = writeBlock(from, `op${n}`);
      watched = op.id;
      const told = performance.now();
      from.network?.announceOp(op.envelope);
      await eventually('an op is everywhere', () => admitted.length >= count - 1, PATIENCE_MS);
      toAll.push((admitted.at(-1) ?? told) - told);
      toHalf.push((admitted[Math.floor((count - 1) / 2)] ?? told) - told);
      await systemClock.sleep(PAUSE_MS, signal);
    }
    collect();
    return {
      agents: count,
      connections: connectionsOf(routers) / count,
      connectMs,
      toAll: figure(toAll),
      toHalf: figure(toHalf),
      bytesPerMinute,
      idleCores: (used.user + used.system) / 1e6 / (minutes * 60),
      rssMb: (process.memoryUsage().rss - before) / 1e6,
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

/** When the last connection came about, once everybody has some and none came or went for a while. */
async function settled(routers: readonly Router[]): Promise<number> {
  let seen = 0;
  let changed = performance.now();
  const quiet = () => {
    const now = connectionsOf(routers);
    if (now !== seen) changed = performance.now();
    seen = now;
    return performance.now() - changed > QUIET_MS && routers.every((router) => connectionsOf([router]) > 0);
  };
  await eventually('everybody is connected', quiet, PATIENCE_MS);
  return changed;
}

const bytesOf = (routers: readonly Router[]) => sum(routers, ({ bytesOut }) => bytesOut);
const connectionsOf = (routers: readonly Router[]) => sum(routers, ({ connections }) => connections);

function sum(
  routers: readonly Router[],
  of: (view: { bytesOut: number; connections: number }) => number,
): number {
  return routers
    .flatMap(({ network }) => network?.peers() ?? [])
    .reduce((total, view) => total + of(view), 0);
}

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
          'connections each',
          'connected after, s',
          'kB each a minute, idle',
          'cores, idle',
          'MB',
          'MB each',
        ],
        rows: homes.map((home) => [
          home.agents,
          round(home.connections),
          round(home.connectMs / 1_000),
          kb(home.bytesPerMinute),
          round(home.idleCores),
          Math.round(home.rssMb),
          round(home.rssMb / home.agents),
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
