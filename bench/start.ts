/** How long an agent takes to be ready, what memory it stays with, and how long a command of a person takes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type House, raise } from '../lab/house-api.ts';
import { paths } from '../lab/paths.ts';
import { makeTopology } from '../lab/topology.ts';
import { until } from '../lab/wait.ts';
import { AgentProcess, onlyChild } from './agent-process.ts';
import type { Bench, Context } from './bench.ts';
import { withDisk } from './disk.ts';
import {
  atMost,
  cells,
  FIGURE_COLUMNS,
  type Figure,
  type Findings,
  figure,
  median,
  round,
  type Table,
} from './figures.ts';
import { type Memory, memoryOf } from './processes.ts';

const ROUTER = 'attic';
/** A bare Node has nothing more to do after this. */
const BARE_IDLE_MS = 1000;

export const start: Bench<'starts' | 'policies' | 'idle' | 'memories' | 'commands'> = {
  name: 'start',
  describe: 'time until an agent is ready, its memory at rest, and the time of `hedgerow status`',
  options: {
    starts: { describe: 'starts without and with policies, each', default: 10 },
    policies: { describe: 'how many policies "with policies" are', default: 500 },
    idle: { describe: 'seconds of rest before memory is read', default: 10 },
    memories: { describe: 'how many of the starts are left in rest for their memory', default: 3 },
    commands: { describe: 'runs of `hedgerow status` and of what it is compared with', default: 20 },
  },
  async run(options, context) {
    return await withDisk(async (folder) => {
      const topology = makeTopology(1, { agents: false });
      const house = await raise(
        {
          ...topology,
          routers: topology.routers.map((router) => ({ ...router, stateDir: `${folder}/state` })),
        },
        { name: `bench-start-${process.pid}`, signal: context.signal },
      );
      try {
        return await measure(house, `${folder}/cache`, options, context);
      } finally {
        await house.down();
      }
    });
  },
};

type Options = Parameters<typeof start.run>[0];

async function measure(house: House, cache: string, options: Options, context: Context): Promise<Findings> {
  const { tell, signal } = context;
  const begin = () => AgentProcess.run(house, ROUTER, cache, signal);

  const founding = await begin();
  const cold_ms = round(founding.start.ready_ms);
  tell('started once, with an empty cache and without a store');
  // So that the other starts have something to load and to observe, as at home.
  await known(house, founding, signal);
  await founding.stop();

  const empty = await starts(begin, options, context);
  tell(`${options.starts} starts without policies`);
  const full = await begin();
  for (let n = 0; n < options.policies; n++) {
    await full.commander.block(n % 2 ? 'tv' : 'console', `198.18.${n >> 8}.${n & 255}`);
  }
  const policies = await full.policies();
  await full.stop();
  tell(`${policies} policies made`);
  const loaded = await starts(begin, options, context);
  tell(`${options.starts} starts with ${policies} policies`);

  const running = await begin();
  const commands = await commandTimes(house, cache, options.commands, signal);
  await running.stop();
  const bare = await bareNode(house, context);
  tell('commands, and a bare Node for comparison');

  const figures = { cold_ms, policies, without: empty, with: loaded, commands, bare };
  const withPolicies = `${policies} policies`;
  return {
    figures,
    tables: [
      {
        title: 'start and stop, ms',
        columns: ['until', ...FIGURE_COLUMNS],
        rows: [
          ...startRows('0 policies', empty),
          ...startRows(withPolicies, loaded),
          ['ready, very first start', cold_ms],
        ],
      },
      memoryTable(empty, loaded, withPolicies, bare),
      {
        title: 'whole processes, ms',
        columns: ['command', ...FIGURE_COLUMNS],
        rows: Object.entries(commands).map(([name, took]) => [name, ...cells(took)]),
      },
    ],
    targets: [
      atMost(`ready with ${withPolicies}, p50`, loaded.ready.p50, 800, 'ms'),
      atMost('resident at rest, 0 policies', empty.memory.rss, 90, 'MB'),
      atMost(`resident at rest, ${withPolicies}`, loaded.memory.rss, 90, 'MB'),
    ],
  };
}

interface Starts {
  readonly socket: Figure;
  readonly ready: Figure;
  readonly said: Figure;
  /** From SIGTERM until it has ended. */
  readonly stop: Figure;
  /** Medians, MB. */
  readonly memory: Memory;
  readonly children: Readonly<Record<string, Memory>>;
}

async function starts(
  begin: () => Promise<AgentProcess>,
  options: Options,
  context: Context,
): Promise<Starts> {
  const all: AgentProcess['start'][] = [];
  const stops: number[] = [];
  const memories: Awaited<ReturnType<AgentProcess['memory']>>[] = [];
  for (let n = 0; n < options.starts; n++) {
    const agent = await begin();
    all.push(agent.start);
    if (n < options.memories) {
      await sleep(options.idle * 1000, undefined, { signal: context.signal });
      memories.push(await agent.memory(context.signal));
    }
    const begun = performance.now();
    await agent.stop();
    stops.push(performance.now() - begun);
  }
  const names = new Set(memories.flatMap(({ children }) => children.map(({ name }) => name)));
  const sums = (name: string) =>
    memories.map(({ children }) => sum(children.filter((child) => child.name === name)));
  return {
    socket: figure(all.map((one) => one.socket_ms)),
    ready: figure(all.map((one) => one.ready_ms)),
    said: figure(all.map((one) => one.said_ms)),
    stop: figure(stops),
    memory: middle(memories.map(({ agent }) => agent)),
    children: Object.fromEntries([...names].sort().map((name) => [name, middle(sums(name))])),
  };
}

const sum = (all: readonly Memory[]): Memory => ({
  rss: all.reduce((total, one) => total + one.rss, 0),
  own: all.reduce((total, one) => total + one.own, 0),
});

const middle = (all: readonly Memory[]): Memory => ({
  rss: median(all.map(({ rss }) => rss)),
  own: median(all.map(({ own }) => own)),
});

/** Waits until the devices are known by name. */
async function known(house: House, agent: AgentProcess, signal: AbortSignal): Promise<void> {
  await until(
    'the agent to know the devices',
    async () => {
      for (const { name } of house.topology.devices)
        await house.exec(name, ['ping', '-c', '1', '-W', '1', '203.0.113.10'], { signal });
      const devices = await agent.commander.call<{ names: string[] }[]>('devices');
      const seen = new Set(devices.flatMap(({ names }) => names));
      return ['tv', 'console'].every((name) => seen.has(name));
    },
    { timeoutMs: 60_000, signal },
  );
}

/** Whole processes from start to end on the router, entering it included (`true` tells what that costs). */
async function commandTimes(house: House, cache: string, count: number, signal: AbortSignal) {
  const commands: Record<string, readonly string[]> = {
    true: ['true'],
    'node -e 0': [paths.node, '-e', '0'],
    'hedgerow status': ['hedgerow', 'status'],
    'hedgerow --help': ['hedgerow', '--help'],
  };
  const took: Record<string, number[]> = {};
  // In turns, so that what else the machine does hits all alike.
  for (let n = 0; n < count; n++) {
    for (const [name, argv] of Object.entries(commands)) {
      const begun = performance.now();
      await house.must(ROUTER, argv, { env: { NODE_COMPILE_CACHE: cache }, signal });
      took[name] = [...(took[name] ?? []), performance.now() - begun];
    }
  }
  return Object.fromEntries(Object.entries(took).map(([name, times]) => [name, figure(times)]));
}

/** The memory of a Node that does nothing. */
async function bareNode(house: House, { signal }: Context): Promise<Memory> {
  const running = house.spawn(ROUTER, [paths.node, '-e', 'setInterval(() => {}, 1e6)']);
  try {
    await sleep(BARE_IDLE_MS, undefined, { signal });
    return await memoryOf(await onlyChild(running.pid));
  } finally {
    await running.stop();
  }
}

const startRows = (what: string, all: Starts) => [
  [`socket accepts, ${what}`, ...cells(all.socket)],
  [`ready, ${what}`, ...cells(all.ready)],
  [`ready, ${what}, as the agent counts`, ...cells(all.said)],
  [`ended after SIGTERM, ${what}`, ...cells(all.stop)],
];

function memoryTable(empty: Starts, loaded: Starts, policies: string, bare: Memory): Table {
  const row = (name: string, a: Memory | undefined, b: Memory | undefined) =>
    [name, ...[a?.rss, a?.own, b?.rss, b?.own].map((mb) => (mb === undefined ? '' : mb.toFixed(1)))] as const;
  const names = [...new Set([...Object.keys(empty.children), ...Object.keys(loaded.children)])];
  return {
    title: 'memory at rest, MB (resident; of it its own)',
    columns: ['process', '0 policies', 'own', policies, 'own '],
    rows: [
      row('agent', empty.memory, loaded.memory),
      ...names.map((name) => row(`its ${name}`, empty.children[name], loaded.children[name])),
      row('a bare Node', bare, bare),
    ],
  };
}
