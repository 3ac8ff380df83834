import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import type { OwnPorts } from '../../src/local/enforce/nft/own.ts';
import { PlanFile } from '../../src/local/enforce/plan-file.ts';
import { restorePlan } from '../../src/local/enforce/plan-restore.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import { createExec, type Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import { type BlockSet, ROUTER } from '../../src/policy/block-set.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner, type Wide } from '../unit/local/enforce/block-sets.ts';
import { createWorld, type World } from './enforce-world.ts';

const { tv, ads, video } = names;
const { signal } = new AbortController();
const BACKENDS = ['ipset', 'nftables'] as const;
/** The router's own addresses: in the home, and towards the internet. */
const INSIDE = { v4: '192.168.1.1', v6: '2001:db8:1::1' };
const OUTSIDE = { v4: '203.0.113.1', v6: '2001:db8:f::1' };
const TRAFFIC = fileURLToPath(new URL('enforce-traffic.ts', import.meta.url));
const PORTS: OwnPorts = { served: [22, 4411], members: [4411], tracked: true };

let world: World;
/** UDP that the far end gets from the router. */
let came: ReturnType<World['traffic']>;
let dns: ReturnType<World['traffic']>;
const opened: Backend[] = [];

function own(remotes: string[], wide: Wide = {}): BlockSet {
  const router = {
    ...owner('1', [...Object.values(OUTSIDE), ...Object.values(INSIDE)], remotes, [], wide),
    id: ROUTER,
  };
  return { ...blockSet([]), own: router };
}

async function open(
  config: (typeof BACKENDS)[number],
  asked: OwnPorts | 'off' = PORTS,
  rest: { exec?: Exec; wan?: string[] } = {},
): Promise<Backend> {
  const options = {
    exec: world.router,
    clock: systemClock,
    log: silentLog,
    slots: createSlotMemory(),
    wan: ['wan0'],
  };
  const choice = await chooseBackend(
    config,
    { ...options, ...rest, ...(asked !== 'off' && { own: asked }) },
    signal,
  );
  if (choice.role !== 'enforcer') throw new Error(choice.reason);
  opened.push(choice.backend);
  return choice.backend;
}

/** Which of these the router reaches with one ping each, all at once. */
async function reached(...targets: readonly string[]): Promise<string[]> {
  const passed = await Promise.all(targets.map((to) => ping('router', to)));
  return targets.filter((_, i) => passed[i]);
}

/** From the other end, which is itself one of these addresses. */
async function reachedFrom(...sources: readonly string[]): Promise<string[]> {
  const to = (source: string) => (source.includes(':') ? OUTSIDE.v6 : OUTSIDE.v4);
  const passed = await Promise.all(sources.map((source) => ping('net', to(source), source)));
  return sources.filter((_, i) => passed[i]);
}

async function ping(host: 'router' | 'net' | 'tv', to: string, from?: string): Promise<boolean> {
  const argv = ['ping', '-n', '-c', '1', '-W', '0.7', ...(from === undefined ? [] : ['-I', from]), to];
  return world.run(host, ...argv).then(
    () => true,
    () => false,
  );
}

/** TCP connections, tried all at once from a host: `source target port`, the source with `@port` where that matters. */
async function connects(host: 'router' | 'net', ...tries: readonly string[]): Promise<string> {
  const args = tries.flatMap((one) => one.split(' '));
  return (await world.run(host, process.execPath, TRAFFIC, 'tcp-try', ...args)).trim();
}

/** What of nftables is not ours, and all of iptables' own tables but our chains in mangle. */
async function foreign(): Promise<string> {
  const text = await world.run('router', 'nft', 'list', 'ruleset');
  return text.replaceAll(/table (?:inet|bridge) hedgerow\w* \{[\s\S]*?\n\}\n/g, '');
}

async function packetsOf(backend: Backend): Promise<Record<string, number>> {
  const counters = await backend.counters(signal);
  return Object.fromEntries(counters.map(({ owner: of, remote, packets }) => [`${of} ${remote}`, packets]));
}

beforeAll(async () => {
  world = await createWorld();
  // The far end serves pages, as a resolver and as a member; the router serves ssh and something else.
  came = world.traffic('net', 'udp-count', '9000', OUTSIDE.v4);
  dns = world.traffic('net', 'udp-count', '53', OUTSIDE.v4);
  const servers = [
    world.traffic('net', 'tcp-serve', '8080,53,443,4411'),
    world.traffic('router', 'tcp-serve', '22,8443'),
  ];
  await Promise.all([came, dns, ...servers].map((one) => one.tells()));
  // Somebody else's table, by which connections are tracked.
  await world.run(
    'router',
    'nft',
    `add table inet other; add chain inet other o { type filter hook output priority 0; };
    add rule inet other o ip daddr 198.18.0.1 drop; add chain inet other i { type filter hook input priority -20; }; add rule inet other i ct state new,established accept`,
  );
  // Who is asked for by hand only once: replies are quick.
  await Promise.all([reached(ads.v4, ads.v6, video.v4, video.v6), ping('tv', ads.v4), ping('tv', ads.v6)]);
});
afterEach(async () => {
  for (const backend of opened.splice(0)) {
    await backend.clear(signal);
    await backend.stop();
  }
});
afterAll(() => world.close());

describe.each(BACKENDS)('what the router itself sends and receives, beside %s', (name) => {
  test('a blocked address is cut both ways at once, over TCP, UDP and ICMP, with what is under way; nothing else is', async () => {
    const before = await foreign();
    const backend = await open(name);
    expect(backend.describe().own).toEqual({ how: 'table', tracked: true });
    await backend.set(blockSet([]), signal);
    expect(await world.run('router', 'nft', 'list', 'tables')).not.toContain('hedgerow_own');
    const reads = [
      world.traffic('router', 'tcp-read', OUTSIDE.v4, ads.v4, '8080'),
      world.traffic('router', 'tcp-read', OUTSIDE.v6, ads.v6, '8080'),
    ];
    const device = [
      world.traffic('tv', 'tcp-read', tv.v4, ads.v4, '8080'),
      world.traffic('tv', 'tcp-read', tv.v6, ads.v6, '8080'),
    ];
    const sent = world.traffic('router', 'udp-send', OUTSIDE.v4, ads.v4, '9000', '500');
    const got = world.traffic('router', 'udp-count', '9001', ads.v4);
    const told = world.traffic('net', 'udp-send', ads.v4, OUTSIDE.v4, '9001', '500');
    for (const read of [...reads, ...device]) await read.reaches(100_000);
    const began = came.count();
    await came.reaches(began + 20);
    await got.reaches(20);

    await backend.set(own([ads.v4, ads.v6]), signal);
    expect(await backend.check(signal)).toEqual([]);
    const at = await Promise.all([...reads, came, got].map(settled));
    const [of4, of6] = device.map((one) => one.count());
    expect(await reached(ads.v4, ads.v6, video.v4, video.v6, tv.v4, tv.v6)).toEqual([
      video.v4,
      video.v6,
      tv.v4,
      tv.v6,
    ]);
    expect(await reachedFrom(ads.v4, ads.v6, video.v4, video.v6)).toEqual([video.v4, video.v6]);
    expect([...reads, came, got].map((one) => one.count())).toEqual(at);
    // What devices have under way with the same address goes on, and nobody counts it.
    await device[0]?.reaches((of4 ?? 0) + 50_000);
    await device[1]?.reaches((of6 ?? 0) + 50_000);
    expect(await ping('tv', INSIDE.v4)).toBe(true);
    expect(await sent.end()).toBeGreaterThan(50);
    const counted = await packetsOf(backend);
    expect(Object.keys(counted).sort()).toEqual([`router ${ads.v6}`, `router ${ads.v4}`]);
    expect(counted[`router ${ads.v4}`]).toBeGreaterThan(2);
    // The records of the router's connections are gone, and only those.
    await expect
      .poll(async () => await world.run('router', 'conntrack', '-L', '-f', 'ipv4'), { timeout: 20_000 })
      .not.toMatch(new RegExp(`src=${OUTSIDE.v4} dst=${ads.v4}.* dport=8080`));
    expect(await world.run('router', 'conntrack', '-L', '-f', 'ipv4')).toContain(
      `src=${tv.v4} dst=${ads.v4}`,
    );

    // Suspended, and in force again; lifted.
    await backend.clear(signal);
    expect(await reached(ads.v4, ads.v6)).toEqual([ads.v4, ads.v6]);
    await backend.set(own([ads.v4]), signal);
    expect(await reached(ads.v4, ads.v6)).toEqual([ads.v6]);
    expect((await backend.set(blockSet([]), signal)).did).not.toBe('unchanged');
    expect(await reached(ads.v4, ads.v6)).toEqual([ads.v4, ads.v6]);
    expect(await foreign()).toBe(before);
    await Promise.all([...reads, ...device, got, told].map((one) => one.end()));
  });

  test('without the internet: what it takes to reach and mend the router goes on, and exceptions pass', async () => {
    const ssh = world.traffic('net', 'tcp-read', ads.v4, OUTSIDE.v4, '22');
    await ssh.reaches(20_000);
    const backend = await open(name);
    await backend.set(own([], { internet: true, exceptions: [video.v4] }), signal);
    const at = ssh.count();
    const asked = world.traffic('router', 'udp-send', OUTSIDE.v4, ads.v4, '53', '500');
    // Of UDP from such a port what was asked for, and nothing else.
    const clock = world.traffic('net', 'udp-answer', ads.v4, '123');
    await clock.tells();
    const answers = world.traffic('router', 'udp-ask', OUTSIDE.v4, ads.v4, '123', '200');
    const uncalled = world.traffic('router', 'udp-count', '9002', ads.v4);
    const caller = world.traffic('net', 'udp-send', `${ads.v4}@853`, OUTSIDE.v4, '9002', '200');
    const { v4, v6 } = OUTSIDE;
    expect(
      await Promise.all([
        connects(
          'router',
          ...[
            `${v4} ${ads.v4} 443`,
            `${v6} ${ads.v6} 443`,
            `${v4} ${video.v4} 443`,
            `${v4} ${ads.v4} 53`,
            `${v6} ${ads.v6} 4411`,
          ],
        ),
        // Whoever takes the port of a resolver opens nothing by that.
        connects('net', ...[`${ads.v4} ${v4} 8443`, `${ads.v4}@853 ${v4} 8443`, `${ads.v6} ${v6} 22`]),
      ]),
    ).toEqual(['00111', '001']);
    expect(await reached(ads.v4, ads.v6, video.v4, tv.v4, tv.v6, INSIDE.v4, OUTSIDE.v4)).toEqual([
      video.v4,
      tv.v4,
      tv.v6,
      INSIDE.v4,
      OUTSIDE.v4,
    ]);
    expect(await Promise.all([ping('tv', ads.v4), ping('tv', ads.v6), ping('tv', INSIDE.v6)])).toEqual([
      true,
      true,
      true,
    ]);
    await dns.reaches(dns.count() + 20);
    await answers.reaches(20);
    await caller.reaches(20);
    expect(uncalled.count()).toBe(0);
    await ssh.reaches(at + 50_000);
    expect(Object.keys(await packetsOf(backend))).toEqual(['router internet']);
    // A neighbour that has to be found anew is found.
    await world.run('router', 'ip', '-6', 'neigh', 'flush', 'dev', 'wan0');
    expect(await connects('router', `${v6} ${ads.v6} 4411`)).toBe('1');

    // One address is exact: its resolver as well, but not its ssh.
    await backend.set(own([ads.v4]), signal);
    expect(await connects('router', `${v4} ${ads.v4} 53`)).toBe('0');
    const then = ssh.count();
    await ssh.reaches(then + 50_000);
    // A network spares DNS, and an address in it that is excepted.
    await backend.set(
      own([], { networks: ['203.0.113.0/28'], exceptedNetworks: ['203.0.113.8/32'] }),
      signal,
    );
    expect(await reached(ads.v4, video.v4, ads.v6)).toEqual([video.v4, ads.v6]);
    expect(await connects('router', `${v4} ${ads.v4} 53`)).toBe('1');
    await Promise.all([asked, ssh, clock, answers, uncalled, caller].map((one) => one.end()));
  });

  test('restored at boot; what somebody else does to the table is told and put right', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hedgerow-plan-'));
    try {
      const path = join(directory, 'plan');
      const file = new PlanFile({ path, clock: systemClock, log: silentLog });
      const backend = await open(name);
      await backend.set(own([ads.v4, ads.v6]), signal);
      file.keep('one', backend.plan());
      await file.flush();
      // A trial is not in it.
      expect(backend.plan(blockSet([]))?.own).toBeUndefined();
      for (const command of [
        'delete table inet hedgerow_own',
        'flush chain inet hedgerow_own on_output',
        'flush set inet hedgerow_own p4',
      ]) {
        await world.run('router', 'nft', command);
        expect((await backend.check(signal)).map((one) => one.name.split(' ')[0])).toContain('own');
        await backend.set(own([ads.v4, ads.v6]), signal);
        expect(await reached(ads.v4, ads.v6)).toEqual([]);
      }
      await backend.clear(signal);
      expect(await reached(ads.v4, ads.v6)).toEqual([ads.v4, ads.v6]);
      await restorePlan(path, world.router, signal);
      expect(await reached(ads.v4, ads.v6, video.v4)).toEqual([video.v4]);
      // An agent that is not asked any more takes it away.
      const next = await open(name, 'off');
      await next.set(own([ads.v4, ads.v6]), signal);
      expect(await reached(ads.v4, ads.v6)).toEqual([ads.v4, ads.v6]);
      expect(next.describe().own).toEqual({ how: 'none', why: 'enforce.ownTraffic is off' });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

test('where it is not possible that is said, and all else is blocked as ever', async () => {
  const run: Exec['run'] = async (argv, options) =>
    argv[0] === 'nft' ? createExec().run(['no-nft'], options) : world.router.run(argv, options);
  const exec = { run, open: world.router.open.bind(world.router) };
  const backend = await open('ipset', PORTS, { exec });
  const device = owner('1', [tv.v4], [ads.v4]);
  await backend.set({ ...blockSet([device]), own: own([ads.v4]).own }, signal);
  expect(backend.describe().own).toEqual({
    how: 'none',
    why: "the router's own traffic needs nftables: no-nft is not installed",
  });
  expect(await ping('tv', ads.v4)).toBe(false);
  expect(await reached(ads.v4)).toEqual([ads.v4]);
  await backend.clear(signal);
  const nowhere = await open('nftables', PORTS, { wan: [] });
  expect(nowhere.describe().own).toEqual({ how: 'none', why: 'no interface towards the internet is known' });
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
