/** Resyncs in a row against the real kernel, with a blocked stream running: what leaks, and what grows. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import type { Backend } from '../src/local/enforce/backend.ts';
import { IpsetBackend } from '../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../src/local/enforce/iptables.ts';
import { NftBackend } from '../src/local/enforce/nft/nft-backend.ts';
import { createSlotMemory } from '../src/local/enforce/slots.ts';
import { silentLog } from '../src/log.ts';
import type { BlockSet } from '../src/policy/block-set.ts';
import { world as names } from '../test/contract/backend.ts';
import { createWorld, type World } from '../test/netns/enforce-world.ts';
import { blockSet, owner } from '../test/unit/local/enforce/block-sets.ts';
import type { Bench, Context } from './bench.ts';
import { atMost, cells, FIGURE_COLUMNS, type Findings, figure, round } from './figures.ts';

const { tv, ads } = names;
/** Packets of the blocked stream in a second, half of them IPv6. */
const RATE = 20_000;
/** Node's heap and the kernel's caches find their size during the first resyncs, which are left out of what grows. */
const settling = (count: number): number => Math.floor(Math.max(count / 10, Math.min(200, count / 2)));

interface Grown {
  /** Resident memory of this process, MB. */
  readonly rss: number;
  /** What the kernel has in caches of objects and cannot take back, and in vmalloc, MB (proc(5), meminfo). */
  readonly slab: number;
  readonly vmalloc: number;
}

/** What a resync may leave behind. */
interface Left {
  /** Lines of what the router's kernel holds of sets, rules and tables. */
  readonly lines: number;
  /** Processes in the router's namespace. */
  readonly processes: number;
  /** What this process has open. */
  readonly descriptors: number;
}

const LEFT = ['lines', 'processes', 'descriptors'] as const;

interface Run {
  readonly backend: string;
  readonly took: readonly number[];
  readonly came: number;
  readonly passed: number;
  readonly before: Grown;
  readonly after: Grown;
  readonly stood: Left;
  readonly left: Left;
}

export const resyncs: Bench<'count' | 'owners'> = {
  name: 'resyncs',
  describe: 'resyncs in a row under a blocked stream: packets that pass, what grows and what is left behind',
  options: {
    count: { describe: 'resyncs of each backend', default: 2_000 },
    owners: { describe: 'blocked devices, with two pairs each, beside the one that sends', default: 20 },
  },
  quick: { count: 200 },
  async run({ count, owners }, context): Promise<Findings> {
    const blocks = blocksOf(owners);
    const runs: Run[] = [];
    for (const kind of ['ipset, iptables-legacy', 'nftables'] as const)
      runs.push(await runOf(kind, blocks, count, context));
    return {
      figures: runs.map(({ took, ...rest }) => ({ ...rest, ms: figure(took) })),
      tables: [
        {
          title: `${count} resyncs of ${owners + 1} devices, a blocked stream of ${RATE} packets/s`,
          columns: [
            'backend',
            'ms p50',
            ...FIGURE_COLUMNS.slice(1),
            'packets',
            'passed',
            'RSS MB',
            'slab MB',
            'vmalloc MB',
            'lines in the kernel',
            'processes',
            'descriptors',
          ],
          rows: runs.map(({ backend, took, came, passed, before, after, stood, left }) => [
            backend,
            ...cells(figure(took)),
            came,
            passed,
            ...(['rss', 'slab', 'vmalloc'] as const).map(
              (key) => `${round(before[key])} → ${round(after[key])}`,
            ),
            ...LEFT.map((key) => `${stood[key]} → ${left[key]}`),
          ]),
        },
      ],
      targets: runs.flatMap(({ backend, passed, before, after, stood, left }) => [
        atMost(`${backend}: packets of the blocked stream that passed`, passed, 0, ''),
        atMost(`${backend}: growth of this process`, after.rss - before.rss, 20, 'MB'),
        atMost(`${backend}: growth of the kernel’s slab`, after.slab - before.slab, 20, 'MB'),
        ...LEFT.map((key) => atMost(`${backend}: ${key} left behind`, left[key] - stood[key], 0, '')),
      ]),
    };
  },
};

function blocksOf(owners: number): BlockSet {
  const many = Array.from({ length: owners }, (_, n) => {
    const hex = (n + 256).toString(16).padStart(4, '0');
    const mac = `02:00:00:00:${hex.slice(0, 2)}:${hex.slice(2)}`;
    return owner(`${n + 2}`, [`10.9.${n >> 8}.${n & 255}`, `2001:db8:9::${hex}`], [ads.v4, ads.v6], [mac]);
  });
  return blockSet([owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]), ...many]);
}

async function runOf(
  kind: 'ipset, iptables-legacy' | 'nftables',
  blocks: BlockSet,
  count: number,
  { tell, signal }: Context,
): Promise<Run> {
  const world = await createWorld();
  const slots = createSlotMemory();
  const open = (): Backend => {
    const options = { exec: world.router, clock: systemClock, log: silentLog, wan: ['wan0'] };
    if (kind === 'nftables') return new NftBackend({ ...options, why: 'a bench' });
    return new IpsetBackend({ ...options, iptables: new Iptables(world.router, 'legacy'), slots });
  };
  const took: number[] = [];
  try {
    const first = open();
    await first.set(blocks, signal);
    await first.stop();
    const passed = await counting(world);
    const stood = await standing(world);
    const halt = await stream(world);
    let before = await memory();
    try {
      for (let n = 0; n < count; n++) {
        if (n === settling(count)) before = await memory();
        // A new backend knows nothing of the kernel: its first set is a resync.
        const backend = open();
        const { did, ms } = await backend.set(blocks, signal);
        if (did !== 'resync') throw new Error(`no resync: ${did}`);
        took.push(ms);
        await backend.stop();
        if ((n + 1) % 100 === 0) tell(`${kind}: ${n + 1} resyncs`);
      }
    } finally {
      await halt();
    }
    const after = await memory();
    const left = await standing(world);
    await sleep(100);
    return { backend: kind, took, before, after, stood, left, ...(await passed()) };
  } finally {
    await world.close();
  }
}

async function stream(world: World): Promise<() => Promise<void>> {
  const packet = (ip: string, source: string, target: string): string =>
    `{ eth(da=02:aa:00:00:00:01, sa=${tv.mac}), ${ip}, sa=${source}, da=${target}), udp(sp=4000, dp=9000), fill(0x41, 8) }`;
  const packets = `${packet('ipv4(ttl=64', tv.v4, ads.v4)} ${packet('ipv6(hoplimit=64', tv.v6, ads.v6)}`;
  const argv = `trafgen '${packets}' -o eth0 -P 1 -q -b ${RATE}pps`;
  // What sends is a child of trafgen and outlives it: a process group of their own is ended whole.
  const pid = await world.run('tv', 'sh', '-c', `setsid ${argv} >/dev/null 2>&1 & echo $!`);
  return async () => void (await world.run('tv', 'kill', '-KILL', '--', `-${pid.trim()}`));
}

/** Counts what comes to the router and what leaves it again. */
async function counting(world: World): Promise<() => Promise<{ came: number; passed: number }>> {
  await world.run(
    'router',
    'nft',
    `table inet count {
      chain came { type filter hook prerouting priority -400; udp dport 9000 counter; }
      chain left { type filter hook postrouting priority 400; udp dport 9000 counter; }
    }`,
  );
  return async () => {
    const text = await world.run('router', 'nft', 'list table inet count');
    const [came = 0, passed = 0] = [...text.matchAll(/counter packets (\d+)/g)].map(([, n]) => Number(n));
    return { came, passed };
  };
}

async function memory(): Promise<Grown> {
  const text = await readFile('/proc/meminfo', 'utf8');
  const mb = (key: string): number =>
    (Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024) / 1e6;
  return { rss: process.memoryUsage.rss() / 1e6, slab: mb('SUnreclaim'), vmalloc: mb('VmallocUsed') };
}

async function standing(world: World): Promise<Left> {
  const said = await world.run(
    'router',
    'sh',
    '-ec',
    'ipset save; iptables-legacy-save; ip6tables-legacy-save; nft --stateless list ruleset',
  );
  const processes = await world.run('router', 'ip', 'netns', 'pids', world.namespace('router'));
  const count = (text: string) => text.split('\n').filter((line) => /^[^#]/.test(line)).length;
  return {
    lines: count(said),
    // Who asks is one of them.
    processes: count(processes),
    descriptors: (await readdir('/proc/self/fd')).length,
  };
}
