/** From a command on one router to the kernels of all of them: how long, and whether a packet passes after the answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, type Status } from '../lab/ask.ts';
import { makeHome } from '../lab/home.ts';
import { type House, raise } from '../lab/house-api.ts';
import { checkTopology, makeTopology, type Topology } from '../lab/topology.ts';
import { until } from '../lab/wait.ts';
import type { Bench, Context } from './bench.ts';
import { type Change, Commander } from './commander.ts';
import { syncedWrites, withDisk } from './disk.ts';
import { atMost, cells, FIGURE_COLUMNS, type Figure, type Findings, figure, type Table } from './figures.ts';
import { leakCheck, leakTable } from './leaks.ts';

const FROM = 'attic';

export const propagation: Bench<'pairs' | 'devices' | 'again' | 'leaks' | 'gap'> = {
  name: 'propagation',
  describe: "from a command to every router's kernel, three routers, and packets that pass afterwards",
  options: {
    pairs: {
      describe: 'further pairs of a device that has one blocked: block and unblock each',
      default: 200,
    },
    devices: {
      describe:
        'devices that are blocked for the first time ever: so many right after the start, and as many at the end',
      default: 20,
    },
    again: { describe: 'blocks and unblocks of a device that has no other', default: 50 },
    leaks: { describe: 'blocks of a running stream', default: 10 },
    gap: { describe: 'pause between two commands, ms', default: 20 },
  },
  async run(options, context) {
    return await withDisk(async (folder) => {
      const disk = await syncedWrites(folder);
      const house = await raise(topologyOf(folder, 2 * options.devices), {
        name: `bench-propagation-${process.pid}`,
        signal: context.signal,
      });
      try {
        context.tell('a house of three routers stands');
        await makeHome(house, context.signal);
        return await measure(house, options, context, disk);
      } finally {
        await house.down();
      }
    });
  },
};

type Options = Parameters<typeof propagation.run>[0];

async function measure(house: House, options: Options, context: Context, disk: Figure): Promise<Findings> {
  const { tell, signal } = context;
  await known(house, signal);
  await settled(house, signal);
  const commander = await Commander.open(house, FROM, signal);
  const pause = () => sleep(options.gap, undefined, { signal });
  const idle = await timed(50, () => commander.call('peers'));
  const series: Record<string, Change[]> = {
    'first block of a device, right after the start': [],
    'its last unblock, right after the start': [],
    'block of a device without others': [],
    'unblock of its only one': [],
    'further block': [],
    'further unblock': [],
    'first block of a device': [],
    'its last unblock': [],
  };
  const note = async (name: string, change: Promise<Change>) => {
    series[name]?.push(await change);
    await pause();
  };

  const { devices } = options;
  const firsts = async (from: number, when: string) => {
    const names = Array.from({ length: devices }, (_, n) => `d${from + n}`);
    for (const name of names) await note(`first block of a device${when}`, commander.block(name, address(0)));
    for (const name of names) await note(`its last unblock${when}`, commander.unblock(name, address(0)));
    tell(`${devices} devices blocked for the first time${when}`);
  };
  // The first changes of a process run code that is not compiled yet, on three routers that share two cores.
  await firsts(1, ', right after the start');
  for (let n = 0; n < options.again; n++) {
    await note('block of a device without others', commander.block('tv', address(0)));
    await note('unblock of its only one', commander.unblock('tv', address(0)));
  }
  tell(`${options.again} times a device without others`);
  await commander.block('console', address(0));
  for (let n = 1; n <= options.pairs; n++) {
    await note('further block', commander.block('console', address(n)));
    await note('further unblock', commander.unblock('console', address(n)));
  }
  tell(`${options.pairs} further pairs`);
  await firsts(devices + 1, '');
  const leaks = await leakCheck(house, { commander, router: FROM, device: 'tv' }, options.leaks, context);
  commander.close();

  const rows = Object.entries(series).map(([name, changes]) => ({ name, ...summary(house, changes) }));
  const of = (name: string) => rows.find((row) => row.name === name) ?? summary(house, []);
  const further = of('further block');
  const first = of('first block of a device');
  const figures = {
    synced_write_ms: disk,
    empty_command_ms: figure(idle),
    series: rows,
    leaks,
  };
  const local = further.kernel[FROM] ?? figure([]);
  const firstLocal = first.kernel[FROM] ?? figure([]);
  return {
    figures,
    tables: [...tables(house, rows), baseline(figures), leakTable(leaks)],
    targets: [
      atMost('further block, this kernel, p50', local.p50, 5, 'ms'),
      atMost('further block, this kernel, p99', local.p99, 30, 'ms'),
      atMost('first block of a device, this kernel, p50', firstLocal.p50, 5, 'ms'),
      atMost('first block of a device, this kernel, p99', firstLocal.p99, 30, 'ms'),
      atMost('further block, every kernel, p50', further.everywhere.p50, 15, 'ms'),
      atMost('further block, every kernel, p99', further.everywhere.p99, 100, 'ms'),
      atMost('first block of a device, every kernel, p50', first.everywhere.p50, 15, 'ms'),
      atMost('first block of a device, every kernel, p99', first.everywhere.p99, 100, 'ms'),
      atMost(
        'packets after the answer',
        leaks.reduce((sum, one) => sum + one.leaked, 0),
        0,
        '',
      ),
    ],
  };
}

/** The house of the demo, with so many more devices at attic, and stores on a disk. */
function topologyOf(folder: string, devices: number): Topology {
  const house = makeTopology(3);
  const more = Array.from({ length: devices }, (_, i) => ({
    name: `d${i + 1}`,
    router: FROM,
    bridge: 'br-lan',
    mac: `00:00:5e:00:53:${(0x80 + i).toString(16)}`,
    host: 0x80 + i,
  }));
  return checkTopology({
    ...house,
    routers: house.routers.map((router) => ({ ...router, stateDir: `${folder}/${router.name}` })),
    devices: [...house.devices, ...more],
  });
}

/** Waits until the devices at attic are known there by their names. */
export async function known(house: House, signal: AbortSignal): Promise<void> {
  const names = house.topology.devices.filter(({ router }) => router === FROM).map(({ name }) => name);
  const missing = async () => {
    const devices = await ask<{ names: string[] }[]>(house, FROM, 'devices');
    const seen = new Set(devices.flatMap((device) => device.names));
    return names.filter((name) => !seen.has(name));
  };
  await until(
    `${FROM} to know its devices`,
    async () => {
      const left = await missing();
      for (const name of left)
        await house.exec(name, ['ping', '-c', '1', '-W', '1', '203.0.113.10'], { signal });
      return left.length === 0;
    },
    { timeoutMs: 60_000, signal },
  );
}

/** So long what routers tell each other of themselves when they join is on its way into the kernels, milliseconds. */
const SETTLE_MS = 2_000;

/** Waits until every router enforces what it has joined: a change that comes earlier waits for its start, which is another bench. */
async function settled(house: House, signal: AbortSignal): Promise<void> {
  const enforces = async ({ name }: { name: string }) => {
    return (await ask<Status>(house, name, 'status')).enforcement.enforcing;
  };
  await until(
    'every router to enforce',
    async () => (await Promise.all(house.topology.routers.map(enforces))).every(Boolean),
    { timeoutMs: 60_000, signal },
  );
  await sleep(SETTLE_MS, undefined, { signal });
}

/** Addresses of TEST-NET-1 and the benchmarking range (RFC 5737, RFC 2544): nobody is there. */
const address = (n: number) => `198.18.${n >> 8}.${n & 255}`;

async function timed(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < count; n++) {
    const begun = performance.now();
    await run();
    took.push(performance.now() - begun);
  }
  return took;
}

function summary(house: House, changes: readonly Change[]) {
  const kernel = house.topology.routers.map(
    ({ name }) => [name, figure(changes.map((change) => change.kernel[name] ?? 0))] as const,
  );
  return {
    command: figure(changes.map(({ command }) => command)),
    kernel: Object.fromEntries(kernel),
    everywhere: figure(changes.map(({ everywhere }) => everywhere)),
  };
}

function tables(house: House, rows: readonly ({ name: string } & ReturnType<typeof summary>)[]): Table[] {
  return rows.map(({ name, command, kernel, everywhere }) => ({
    title: `${name}, ms`,
    columns: ['until', ...FIGURE_COLUMNS],
    rows: [
      ...house.topology.routers.map(({ name: router }) => [
        `the kernel of ${router}`,
        ...cells(kernel[router] ?? figure([])),
      ]),
      ['the kernels of all', ...cells(everywhere)],
      ['the answer', ...cells(command)],
    ],
  }));
}

const baseline = (figures: { synced_write_ms: Figure; empty_command_ms: Figure }): Table => ({
  title: 'for comparison, ms',
  columns: ['what', ...FIGURE_COLUMNS],
  rows: [
    ['a synced write of 200 bytes to this disk', ...cells(figures.synced_write_ms)],
    ['a view over the same connection', ...cells(figures.empty_command_ms)],
  ],
});
