import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import { PlanFile } from '../../src/local/enforce/plan-file.ts';
import { restorePlan } from '../../src/local/enforce/plan-restore.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import { createExec, type Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { createWorld, guest, type World } from './enforce-world.ts';

const { tv, console: other, ads } = names;
const { signal } = new AbortController();
const BACKENDS = ['ipset', 'nftables'] as const;

const ofTv = [tv.v4, tv.v6];
const ofOther = [other.v4, other.v6];
/** Each other's: both ends of a pair of devices are owners. */
const PAIR = blockSet([owner('1', ofTv, ofOther, [tv.mac]), owner('2', ofOther, ofTv, [other.mac])]);
const NOTHING = blockSet([]);

const bytes = (hex: string): string => (hex.match(/../g) ?? []).map((byte) => `0x${byte}`).join(', ');
const v4 = (address: string): string => address.split('.').join(', ');
const v6 = (last: string): string => `0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, ${last}`;
const UDP = 'c16(9), c16(9), c16(8), c16(0)';
const toOther = bytes(`${other.mac}${tv.mac}`.replaceAll(':', ''));
/** UDP in frames with the tag of VLAN 10 (IEEE 802.1Q), as trafgen(8) writes them. */
const TAGGED = [
  `{ ${toOther}, c16(0x8100), c16(10), c16(0x0800), 0x45, 0, c16(28), c16(1), c16(0), 64, 17, csumip(18, 37), ${v4(tv.v4)}, ${v4(other.v4)}, ${UDP} }`,
  `{ ${toOther}, c16(0x8100), c16(10), c16(0x86dd), 0x60, 0, 0, 0, c16(8), 17, 64, ${v6('0x20')}, ${v6('0x30')}, ${UDP} }`,
];

let world: World;
let frames: string;
const opened: Backend[] = [];

async function open(config: (typeof BACKENDS)[number], exec: Exec = world.router): Promise<Backend> {
  const options = { exec, clock: systemClock, log: silentLog, slots: createSlotMemory(), wan: ['wan0'] };
  const choice = await chooseBackend(config, options, signal);
  if (choice.role !== 'enforcer') throw new Error(choice.reason);
  opened.push(choice.backend);
  return choice.backend;
}

/** As a kernel with br_netfilter has it, per network namespace. */
async function bridgeNf(on: boolean): Promise<void> {
  const settings =
    '/proc/sys/net/bridge/bridge-nf-call-iptables /proc/sys/net/bridge/bridge-nf-call-ip6tables';
  await world.run('router', 'sh', '-ec', `for f in ${settings}; do echo ${on ? 1 : 0} > $f; done`);
}

type Way = Parameters<World['ping']>;

/** Pings all at once: those that did otherwise than they should. */
async function pings(ways: readonly Way[], pass = true): Promise<Way[]> {
  const passed = await Promise.all(ways.map((way) => world.ping(...way)));
  return ways.filter((_, i) => passed[i] !== pass);
}

/** All that was dropped and counted for an entry. */
async function packetsOf(backend: Backend): Promise<number> {
  return (await backend.counters(signal)).reduce((sum, { packets }) => sum + packets, 0);
}

/** Sends five tagged frames of each family from tv to the console: how many of them have passed the bridge. */
async function passedTagged(): Promise<number[]> {
  const passed = async (): Promise<number[]> => {
    const text = await world.run('router', 'nft', 'list', 'table', 'bridge', 'count');
    return [...text.matchAll(/counter packets (\d+)/g)].map(([, packets]) => Number(packets));
  };
  const before = await passed();
  await world.run('tv', 'trafgen', '--dev', 'eth0', '--conf', frames, '--num', '10', '--cpus', '1', '-q');
  return (await passed()).map((packets, i) => packets - (before[i] ?? 0));
}

/**
 * Neighbour discovery goes on between what is blocked: asked directly, not by multicast. Where bridge-nf is on the other
 * chains see it too, and let none pass between these.
 */
async function staysFound(): Promise<void> {
  await neighbour('tv', other.v6, other.mac, 'probe');
  await expect
    .poll(() => world.run('tv', 'ip', 'neigh', 'show', other.v6), { timeout: 20_000 })
    .toContain('REACHABLE');
  await neighbour('tv', other.v6, other.mac, 'permanent');
}

async function neighbour(host: 'tv' | 'console', address: string, mac: string, state: string): Promise<void> {
  const of = ['lladdr', mac, 'dev', 'eth0', 'nud', state];
  await world.run(host, 'ip', 'neigh', 'replace', address, ...of);
}

beforeAll(async () => {
  world = await createWorld();
  // On by itself in a new namespace.
  await bridgeNf(false);
  // Where nobody has to be asked for, all that is counted is what was sent.
  for (const address of [other.v4, other.v6]) await neighbour('tv', address, other.mac, 'permanent');
  for (const address of [tv.v4, tv.v6, tv.newV4, tv.newV6])
    await neighbour('console', address, tv.mac, 'permanent');
  // Behind everything else on the bridge: what has passed of the tagged frames.
  await world.run(
    'router',
    'nft',
    `add table bridge count; add chain bridge count c { type filter hook postrouting priority 300; };
    add rule bridge count c ether type 8021q meta protocol ip ip saddr ${tv.v4} ip daddr ${other.v4} counter;
    add rule bridge count c ether type 8021q meta protocol ip6 ip6 saddr ${tv.v6} ip6 daddr ${other.v6} counter`,
  );
  frames = join(await mkdtemp(join(tmpdir(), 'hedgerow-frames-')), 'tagged');
  await writeFile(frames, TAGGED.join('\n'));
});
afterEach(async () => {
  for (const backend of opened.splice(0)) {
    await backend.clear(signal);
    await backend.stop();
  }
  await bridgeNf(false);
});
afterAll(async () => {
  await rm(dirname(frames), { recursive: true });
  await world.close();
});

describe.each(BACKENDS)('two devices of one bridge, %s', (name) => {
  test.each([false, true])(
    'nothing passes between them, each packet is counted once, and others pass; bridge-nf on: %s',
    async (on) => {
      await bridgeNf(on);
      const backend = await open(name);
      expect(backend.describe().sameSwitch).toEqual({ how: 'table' });
      await backend.set(NOTHING, signal);
      const ways: Way[] = [
        ['tv', tv.v4, other.v4],
        ['tv', tv.v6, other.v6],
        ['console', other.v4, tv.v4],
        ['console', other.v6, tv.v6],
      ];
      expect(await pings(ways)).toEqual([]);
      expect(await passedTagged()).toEqual([5, 5]);
      await backend.set(PAIR, signal);
      expect(await backend.check(signal)).toEqual([]);
      expect(await pings(ways, false)).toEqual([]);
      expect(await packetsOf(backend)).toBe(ways.length);
      expect(await passedTagged()).toEqual([0, 0]);
      expect(await packetsOf(backend)).toBe(ways.length + 10);
      expect(await world.ping('tv', tv.v4, '192.168.1.1')).toBe(true);
      expect(await world.ping('tv', tv.v6, ads.v6)).toBe(true);
      expect(await world.ping('console', other.v4, guest.v4)).toBe(true);
      // By link-local addresses, which no block names; dropped as well, and no entry's.
      const links = { tv: 'fe80::aa:ff:fe00:2', console: 'fe80::aa:ff:fe00:3' };
      const byLink: Way[] = [
        ['tv', 'eth0', `${links.console}%eth0`],
        ['console', 'eth0', `${links.tv}%eth0`],
      ];
      expect(await pings(byLink, false)).toEqual([]);
      expect(await packetsOf(backend)).toBe(ways.length + 10);
      if (!on) await staysFound();
      await backend.set(NOTHING, signal);
      expect(await pings(byLink)).toEqual([]);
      expect(await pings(ways)).toEqual([]);
      expect(await backend.counters(signal)).toEqual([]);
    },
  );

  test('a running download stops at once, over IPv4 and IPv6', async () => {
    const backend = await open(name);
    await backend.set(NOTHING, signal);
    const server = world.traffic('console', 'tcp-serve', '8080');
    await server.tells();
    const reads = [
      world.traffic('tv', 'tcp-read', tv.v4, other.v4, '8080'),
      world.traffic('tv', 'tcp-read', tv.v6, other.v6, '8080'),
    ];
    for (const read of reads) await read.reaches(100_000);
    await backend.set(PAIR, signal);
    const at = await Promise.all(reads.map(settled));
    await world.ping('tv', tv.v4, other.v4);
    expect(reads.map((read) => read.count())).toEqual(at);
    for (const traffic of [...reads, server]) await traffic.end();
    for (const host of ['tv', 'console'] as const) expect(await world.run(host, 'ss', '-tanH')).toBe('');
  });

  test('the other devices are cut from one device, and from one that has a new address, by its MAC', async () => {
    const backend = await open(name);
    const cut = owner('1', [tv.v4, tv.v6], [], [tv.mac], { lan: true });
    await backend.set(blockSet([cut], { known: [other.v4, other.v6] }), signal);
    const ways: Way[] = [
      ['tv', tv.v4, other.v4],
      ['tv', tv.v6, other.v6],
      ['tv', tv.newV4, other.v4],
      ['tv', tv.newV6, other.v6],
    ];
    expect(await pings(ways, false)).toEqual([]);
    expect(await world.ping('console', other.v4, '192.168.1.1')).toBe(true);
    // What the download before tries to send once more is dropped and counted as well.
    expect(await packetsOf(backend)).toBeGreaterThanOrEqual(4);
    // As an exception from that, one device.
    const but = owner('1', [tv.v4, tv.v6], [], [tv.mac], { lan: true, exceptions: [other.v4, other.v6] });
    await backend.set(blockSet([but]), signal);
    for (const from of [tv.v4, tv.newV4]) expect(await world.ping('tv', from, other.v4)).toBe(true);
    expect(await world.ping('tv', tv.v6, other.v6)).toBe(true);
  });

  test('what somebody else does to the table is told and put right; clearing leaves nothing and nothing foreign is touched', async () => {
    const foreign = async (): Promise<string> =>
      (await world.run('router', 'nft', 'list', 'ruleset', 'bridge')).replace(
        /table bridge hedgerow \{[\s\S]*?\n\}\n/,
        '',
      );
    await world.run(
      'router',
      'nft',
      'add table bridge other; add chain bridge other c { type filter hook forward priority -400; }; add rule bridge other c accept',
    );
    const before = await foreign();
    const backend = await open(name);
    await backend.set(PAIR, signal);
    for (const command of [
      'delete table bridge hedgerow',
      'insert rule bridge hedgerow near4 return',
      'flush chain bridge hedgerow on_forward',
      'flush set bridge hedgerow p4',
    ]) {
      await world.run('router', 'nft', command);
      expect((await backend.check(signal)).map((one) => one.name.split(' ')[0])).toContain('bridge');
      expect((await backend.set(PAIR, signal)).did).toBe('resync');
      expect(await world.ping('tv', tv.v4, other.v4)).toBe(false);
      expect(await backend.check(signal)).toEqual([]);
    }
    expect(await foreign()).toBe(before);
    await backend.clear(signal);
    expect(await world.ping('tv', tv.v4, other.v4)).toBe(true);
    expect(await world.run('router', 'nft', 'list', 'ruleset', 'bridge')).toBe(before);
    await world.run('router', 'nft', 'delete table bridge other');
  });

  test('a plan file puts the table in force without an agent, and the next backend takes it over', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hedgerow-plan-'));
    try {
      const path = join(directory, 'plan');
      const file = new PlanFile({ path, clock: systemClock, log: silentLog });
      const backend = await open(name);
      await backend.set(PAIR, signal);
      file.keep('one', backend.plan());
      await file.flush();
      await backend.clear(signal);
      expect(await world.ping('tv', tv.v4, other.v4)).toBe(true);
      await restorePlan(path, world.router, signal);
      expect(await world.ping('tv', tv.v4, other.v4)).toBe(false);
      expect(await world.ping('tv', tv.v6, other.v6)).toBe(false);
      const sent = world.traffic('tv', 'udp-send', tv.v4, other.v4, '9000', '5000');
      const came = world.traffic('console', 'udp-count', '9000');
      await sent.reaches(500);
      const next = await open(name === 'ipset' ? 'nftables' : 'ipset');
      await next.set(PAIR, signal);
      await next.set(blockSet([...PAIR.owners.values()], { known: ['192.168.1.99'] }), signal);
      expect(await sent.end()).toBeGreaterThan(500);
      expect(await came.end()).toBe(0);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

test('without nftables: ordinary chains where bridge-nf is on, and where it is off that is said', async () => {
  const router = world.router;
  const run: Exec['run'] = async (argv, options) =>
    argv[0] === 'nft' ? createExec().run(['no-nft'], options) : router.run(argv, options);
  const backend = await open('ipset', { run, open: (...args) => router.open(...args) });
  await backend.set(PAIR, signal);
  expect(backend.describe().sameSwitch).toEqual({ how: 'none', why: 'no-nft is not installed' });
  expect(await world.ping('tv', tv.v4, other.v4)).toBe(true);
  await bridgeNf(true);
  await backend.check(signal);
  expect(backend.describe().sameSwitch).toEqual({ how: 'bridge-nf' });
  expect(await world.ping('tv', tv.v4, other.v4)).toBe(false);
  expect(await world.ping('tv', tv.v6, other.v6)).toBe(false);
  const counted = (await backend.counters(signal)).map(({ remote, packets }) => [remote, packets]);
  expect(counted.sort()).toEqual([
    [other.v4, 1],
    [other.v6, 1],
  ]);
  expect(backend.plan()?.bridge).toBeUndefined();
});

/** The count once it has not moved for a while: what was on its way has come. */
async function settled(traffic: { count(): number }): Promise<number> {
  let before = -1;
  await expect
    .poll(
      () => {
        const same = traffic.count() === before;
        before = traffic.count();
        return same;
      },
      { interval: 60, timeout: 20_000 },
    )
    .toBe(true);
  return before;
}
