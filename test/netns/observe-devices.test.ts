import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createExec, type Exec } from '../../src/local/exec.ts';
import { FlowTable } from '../../src/local/flows/flow-table.ts';
import { Aliases } from '../../src/local/nodes/aliases.ts';
import { NodeCache, type NodeCacheOptions } from '../../src/local/nodes/node-cache.ts';
import { NodeFile } from '../../src/local/nodes/node-file.ts';
import { Observer } from '../../src/local/observer.ts';
import { silentLog } from '../../src/log.ts';
import { openSeenStore } from '../../src/store/seen-level.ts';
import { hashing } from '../unit/local/hashing.ts';

/**
 * Two routers of one home, each with LANs of its own and no uplink, and a box that only bridges; devices that come, move
 * and lie. In namespaces of its own.
 */

const PREFIX = `hgdev${process.pid}`;
const HOME = 'ab'.repeat(32);
const [TV, CAMERA] = ['02:00:00:00:01:01', '02:00:00:00:01:02'];
const made = new Set<string>();

const here = createExec();
const on = (host: string): Exec => createExec(['ip', 'netns', 'exec', `${PREFIX}-${host}`]);

async function run(exec: Exec, script: string): Promise<string> {
  const { code, stdout, stderr } = await exec.run(['bash', '-ec', script], { timeoutMs: 20_000 });
  if (code !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

async function host(name: string): Promise<void> {
  made.add(name);
  await run(here, `ip netns add ${PREFIX}-${name}`);
  await run(
    on(name),
    'ip link set lo up; sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0',
  );
}

/** Puts a device (made when it is not there yet) on a LAN; it leaves the one where it was. */
async function plug(
  name: string,
  {
    router,
    bridge,
    mac,
    net,
    last,
  }: { router: string; bridge: string; mac: string; net: number; last: number },
): Promise<void> {
  if (!made.has(name)) await host(name);
  await run(
    here,
    `ip -n ${PREFIX}-${name} link del eth0 2>/dev/null || true
     ip link add ${name}0 netns ${PREFIX}-${router} type veth peer name eth0 netns ${PREFIX}-${name} address ${mac}
     ip -n ${PREFIX}-${router} link set ${name}0 master ${bridge} up
     ip -n ${PREFIX}-${name} link set eth0 up
     ip -n ${PREFIX}-${name} addr add 192.168.${net}.${last}/24 dev eth0
     ip -n ${PREFIX}-${name} addr add fd${net}::${last}/64 dev eth0 nodad
     ip -n ${PREFIX}-${name} route add default via 192.168.${net}.1`,
  );
}

/** One packet to each of the router's addresses. */
const speak = (name: string, net: number) =>
  run(on(name), `echo x > /dev/udp/192.168.${net}.1/9; echo x > /dev/udp/fd${net}::1/9`);

async function bridge(router: string, name: string, net: number, mac: string): Promise<void> {
  await run(
    on(router),
    `ip link add ${name} address ${mac} type bridge; ip link set ${name} up
     ip addr add 192.168.${net}.1/24 dev ${name}; ip addr add fd${net}::1/64 dev ${name} nodad`,
  );
}

beforeAll(async () => {
  for (const router of ['attic', 'cellar']) {
    await host(router);
    await run(on(router), 'sysctl -qw net.ipv4.ip_forward=1');
  }
  await bridge('attic', 'br-lan', 77, '02:00:00:00:00:01');
  await bridge('attic', 'br-guest', 78, '02:00:00:00:00:02');
  await bridge('cellar', 'br-lan', 79, '02:00:00:00:00:03');
});

afterAll(async () => {
  for (const name of made) await here.run(['ip', 'netns', 'del', `${PREFIX}-${name}`]);
});

let stopper: AbortController;
let folder: string;
let running: { stop(): Promise<void> }[];

beforeEach(async () => {
  stopper = new AbortController();
  running = [];
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-devices-'));
});

afterEach(async () => {
  stopper.abort();
  for (const one of running.reverse()) await one.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Wanted {
  exec?: Exec;
  captures?: boolean;
  cache?: Partial<NodeCacheOptions>;
}

async function observing(router: string, { exec = on(router), captures = true, cache: more }: Wanted = {}) {
  const clock = systemClock;
  const cache = new NodeCache({ home: HOME, crypto: hashing, clock, ...more });
  const leases = join(folder, 'leases');
  const observer = new Observer({
    exec,
    clock,
    log: silentLog,
    config: { router, leases, captures, pollMs: 5_000 },
    cache,
    flows: new FlowTable({ clock }),
  });
  await observer.start(stopper.signal);
  running.push(observer);
  const source = (name: string) => observer.health().sources.find((one) => one.name.startsWith(name));
  const macAt = (segment: string, address: string) =>
    cache.descriptor(cache.deviceByAddress(segment, address) ?? '')?.macs[0];
  await until('the table was read', () => (source('neighbours')?.counters.readings ?? 0) > 0);
  return { cache, observer, leases, source, macAt };
}

async function until(what: string, holds: () => boolean, withinMs = 10_000): Promise<void> {
  const begun = performance.now();
  while (!holds()) {
    if (performance.now() - begun > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await systemClock.sleep(5);
  }
}

/** Captures listen from when tcpdump says so, which is a moment after its start. */
async function listening(one: Awaited<ReturnType<typeof observing>>, name: string, net: number) {
  const frames = () => one.source('capture')?.counters.frames ?? 0;
  await run(on(name), 'ip neigh flush dev eth0');
  for (let i = 0; i < 200 && frames() === 0; i++) {
    await run(on(name), `ip neigh flush dev eth0; echo x > /dev/udp/192.168.${net}.1/9`);
    await systemClock.sleep(50);
  }
  expect(frames()).toBeGreaterThan(0);
}

test('a device that moves to another LAN, and to another router: one id, known with its first packet', async () => {
  await plug('tv', { router: 'attic', bridge: 'br-lan', mac: TV, net: 77, last: 11 });
  const attic = await observing('attic');
  await listening(attic, 'tv', 77);
  await speak('tv', 77);
  await until('the TV is at home', () => attic.macAt('attic/br-lan', 'fd77::11') === TV);
  const id = attic.cache.deviceByMac(TV) ?? '';
  await plug('tv', { router: 'attic', bridge: 'br-guest', mac: TV, net: 78, last: 11 });
  await speak('tv', 78);
  await until('it is on the other LAN', () => attic.macAt('attic/br-guest', '192.168.78.11') === TV);
  await until('over IPv6 too', () => attic.macAt('attic/br-guest', 'fd78::11') === TV);
  expect(attic.cache.deviceByMac(TV)).toBe(id);
  expect(attic.cache.counters.devices.size).toBe(1);
  // Nobody else has its old address, which is still its own there.
  expect(attic.macAt('attic/br-lan', '192.168.77.11')).toBe(TV);
  const cellar = await observing('cellar', {
    cache: { knownBefore: (node) => attic.cache.descriptor(node) !== undefined },
  });
  await plug('tv', { router: 'cellar', bridge: 'br-lan', mac: TV, net: 79, last: 11 });
  await speak('tv', 79);
  await until('it is at the other router', () => cellar.macAt('cellar/br-lan', '192.168.79.11') === TV);
  expect(cellar.cache.deviceByMac(TV)).toBe(id);
  expect(cellar.cache.news.since(0).notices).toEqual([]);
  expect(attic.cache.news.since(0).notices).toMatchObject([{ kind: 'new', node: id }]);
});

test('a device that changes its address, and one that takes another’s: the newest wins', async () => {
  await plug('tv', { router: 'attic', bridge: 'br-lan', mac: TV, net: 77, last: 11 });
  await plug('camera', { router: 'attic', bridge: 'br-lan', mac: CAMERA, net: 77, last: 12 });
  const one = await observing('attic');
  await listening(one, 'tv', 77);
  await speak('camera', 77);
  await until('both are known', () =>
    ['11', '12'].every((n) => one.macAt('attic/br-lan', `192.168.77.${n}`)),
  );
  await run(on('camera'), 'ip addr flush dev eth0 scope global; ip addr add 192.168.77.42/24 dev eth0');
  await run(on('camera'), 'echo x > /dev/udp/192.168.77.1/9');
  await until('it has its new address', () => one.macAt('attic/br-lan', '192.168.77.42') === CAMERA);
  expect(one.macAt('attic/br-lan', '192.168.77.12')).toBe(CAMERA);
  // The TV is still there, with the same address: whoever spoke last has it.
  await run(on('camera'), 'ip addr add 192.168.77.11/24 dev eth0; ip neigh flush dev eth0');
  await run(on('camera'), 'arping -q -c 1 -U -I eth0 192.168.77.11 2>/dev/null || true');
  await run(on('camera'), 'ping -q -c 1 -W 1 -I 192.168.77.11 192.168.77.1 > /dev/null || true');
  await until('the camera has taken it', () => one.macAt('attic/br-lan', '192.168.77.11') === CAMERA);
  const tv = () => one.cache.descriptor(one.cache.deviceByMac(TV) ?? '')?.addresses ?? [];
  expect(tv().map(({ address }) => address)).not.toContain('192.168.77.11');
  await run(on('camera'), 'ip addr del 192.168.77.11/24 dev eth0');
  await run(on('tv'), 'ip neigh flush dev eth0; echo x > /dev/udp/192.168.77.1/9');
  await until('the TV has it back', () => one.macAt('attic/br-lan', '192.168.77.11') === TV);
});

/** Tells the LAN, by ARP, of devices that do not exist. */
const FLOOD = `
import socket, struct, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for i in range(3000):
    mac = b"\\x02\\x99\\x00\\x00" + struct.pack(">H", i)
    ip = bytes([192, 168, 77, 20 + i % 200])
    s.send(b"\\xff" * 6 + mac + b"\\x08\\x06\\x00\\x01\\x08\\x00\\x06\\x04\\x00\\x01" + mac + ip + b"\\x00" * 6 + bytes([192, 168, 77, 1]))
    if i % 100 == 99:
        time.sleep(0.02)
`;

test('a flood of made-up MACs: caps hold, and who is referred to stays with its address', async () => {
  await plug('tv', { router: 'attic', bridge: 'br-lan', mac: TV, net: 77, last: 11 });
  await plug('camera', { router: 'attic', bridge: 'br-lan', mac: CAMERA, net: 77, last: 12 });
  const one = await observing('attic', { cache: { caps: { devices: 100 } } });
  await listening(one, 'tv', 77);
  const id = one.cache.deviceByMac(TV) ?? '';
  one.cache.refer(new Set([id]));
  await writeFile(join(folder, 'flood.py'), FLOOD);
  await run(on('camera'), `python3 ${join(folder, 'flood.py')}`);
  await until('most were seen', () => one.cache.counters.devices.evicted >= 1_000);
  expect(one.cache.counters.devices.size).toBeLessThanOrEqual(100);
  expect(one.macAt('attic/br-lan', '192.168.77.11')).toBe(TV);
  expect(one.cache.news.since(0).notices.length).toBeLessThanOrEqual(512);
});

test('a killed `ip monitor` is started again, and who came meanwhile is known', async () => {
  await plug('tv', { router: 'attic', bridge: 'br-lan', mac: TV, net: 77, last: 11 });
  const one = await observing('attic', { captures: false });
  await until('it runs', () => one.source('neighbours')?.running === true);
  await run(
    on('attic'),
    `for pid in $(ip netns pids ${PREFIX}-attic); do case $(cat /proc/$pid/comm) in ip) kill -9 $pid;; esac; done`,
  );
  await plug('camera', { router: 'attic', bridge: 'br-lan', mac: CAMERA, net: 77, last: 12 });
  await run(on('camera'), 'ping -q -c 1 -W 1 192.168.77.1 > /dev/null');
  await until('the camera is known', () => one.macAt('attic/br-lan', '192.168.77.12') === CAMERA);
  await until('it runs again', () => one.source('neighbours')?.restarts === 1);
});

test('with BusyBox’ `ip` alone, devices are found all the same', async () => {
  await plug('tv', { router: 'attic', bridge: 'br-lan', mac: TV, net: 77, last: 11 });
  const attic = on('attic');
  const small = (argv: readonly string[]) => (argv[0] === 'ip' ? ['busybox', ...argv] : argv);
  const exec: Exec = {
    run: (argv, options) => attic.run(small(argv), options),
    open: (argv, signal) => attic.open(small(argv), signal),
  };
  const one = await observing('attic', { exec, captures: false });
  await speak('tv', 77);
  await until('the TV is known', () => one.macAt('attic/br-lan', '192.168.77.11') === TV);
  await until('nothing is left to supervise', () => one.source('neighbours')?.counters.polledOnly === 1);
  expect(one.source('neighbours')).toMatchObject({ running: true, lastError: undefined });
  expect(one.observer.health().lan).toEqual(['br-lan', 'br-guest']);
});

test('a restart: the same ids, names and aliases, nobody is new; what was taken meanwhile is taken', async () => {
  const life = async () => {
    const store = await openSeenStore(join(folder, 'seen'), {
      clock: systemClock,
      log: silentLog,
      home: HOME,
    });
    const cache = new NodeCache({
      home: HOME,
      crypto: hashing,
      clock: systemClock,
      knownBefore: (node) => file.knows(node),
    });
    const aliases = new Aliases({ live: (node) => cache.descriptor(node) !== undefined });
    const options = { store, cache, aliases, clock: systemClock, log: silentLog, held: () => false };
    const file: NodeFile = new NodeFile(options);
    await file.start(stopper.signal);
    const observer = new Observer({
      exec: on('attic'),
      clock: systemClock,
      log: silentLog,
      config: { router: 'attic', leases: join(folder, 'leases'), captures: false, pollMs: 5_000 },
      cache,
      flows: new FlowTable({ clock: systemClock }),
    });
    await observer.start(stopper.signal);
    const stop = async () => {
      await observer.stop();
      await file.stop();
      await store.close();
    };
    running.push({ stop });
    return { cache, aliases, file, stop };
  };
  await plug('tv', { router: 'attic', bridge: 'br-lan', mac: TV, net: 77, last: 11 });
  await plug('camera', { router: 'attic', bridge: 'br-lan', mac: CAMERA, net: 77, last: 12 });
  await run(on('attic'), 'ip neigh flush all');
  await writeFile(join(folder, 'leases'), `1795259507 ${CAMERA} 192.168.77.12 door-camera *\n`);
  const before = await life();
  await speak('tv', 77);
  await speak('camera', 77);
  const named = (cache: NodeCache) =>
    cache.devices().flatMap(({ macs, names }) => (macs[0] === CAMERA ? names : []));
  await until('all is known', () => before.cache.devices().length === 2 && named(before.cache).length === 1);
  await until('and where', () => before.cache.deviceByAddress('attic/br-lan', '192.168.77.11') !== undefined);
  const ids = [TV, CAMERA].map((mac) => before.cache.deviceByMac(mac) ?? '');
  const aliases = ids.map((id) => before.aliases.of(id));
  await before.stop();
  running = [];
  // While nobody looks, the camera takes the TV's address, and the kernel hears of it.
  await rm(join(folder, 'leases'));
  await run(on('tv'), 'ip link set eth0 down');
  await run(on('camera'), 'ip addr flush dev eth0 scope global; ip addr add 192.168.77.11/24 dev eth0');
  await run(on('camera'), 'ping -q -c 1 -W 1 192.168.77.1 > /dev/null');
  const after = await life();
  expect([TV, CAMERA].map((mac) => after.cache.deviceByMac(mac))).toEqual(ids);
  expect(ids.map((id) => after.aliases.has(id))).toEqual(aliases);
  expect(named(after.cache)).toEqual(['door-camera']);
  await until(
    'it is the camera’s',
    () => after.cache.deviceByAddress('attic/br-lan', '192.168.77.11') === ids[1],
  );
  expect(after.file.health()).toMatchObject({ loaded: { devices: 2, aliases: 2 }, rubbish: 0 });
  await after.stop();
  running = [];
  expect(after.cache.news.since(0).notices).toEqual([]);
});

test('a box that only bridges says so, and sees devices and names that pass', async () => {
  await host('gate');
  await host('box');
  await run(
    here,
    `ip link add uplink netns ${PREFIX}-box address 02:00:00:00:00:09 type veth peer name lan0 netns ${PREFIX}-gate address 02:00:00:00:00:08`,
  );
  await run(
    on('gate'),
    'ip link set lan0 up; ip addr add 192.168.80.1/24 dev lan0; ip addr add fd80::1/64 dev lan0 nodad',
  );
  await run(
    on('box'),
    `sysctl -qw net.ipv4.ip_forward=0; ip link add br0 type bridge; ip link set br0 up; ip link set uplink master br0 up
     ip addr add 192.168.80.2/24 dev br0; ip route add default via 192.168.80.1`,
  );
  await plug('camera', { router: 'box', bridge: 'br0', mac: CAMERA, net: 80, last: 12 });
  const dns = on('gate').open(
    [
      ...['dnsmasq', '--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--user=root'],
      ...['--pid-file', '--address=/ads.example/198.51.100.7'],
    ],
    stopper.signal,
  );
  for (const stream of [dns.stdout, dns.stderr]) stream.resume();
  running.push({ stop: async () => void (await dns.exited) });
  const box = await observing('box');
  expect(box.observer.interfaces()).toMatchObject({ lan: [{ name: 'br0' }], wan: [] });
  expect(box.observer.health().forwardsNothing).toContain('it can still see devices on br0');
  await listening(box, 'camera', 80);
  await run(on('camera'), 'dig +short +time=1 +tries=3 @192.168.80.1 ads.example > /dev/null');
  await until('the camera is known', () => box.macAt('box/br0', '192.168.80.12') === CAMERA);
  await until('a name has passed', () => box.cache.domainsOf('198.51.100.7').includes('ads.example'));
  // Not the router, which the box itself uses, under whatever address.
  expect(box.cache.devices().map(({ macs }) => macs[0])).toEqual([CAMERA]);
});
