import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createExec, type Exec } from '../../src/local/exec.ts';
import { FlowTable } from '../../src/local/flows/flow-table.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { Observer } from '../../src/local/observer.ts';
import { silentLog } from '../../src/log.ts';
import { hashing } from '../unit/local/hashing.ts';

/** A router with a LAN bridge and NAT, two devices, and a piece of internet, in namespaces of its own. */

const PREFIX = `hgobs${process.pid}`;
const [TV, CAMERA] = ['02:00:00:00:01:01', '02:00:00:00:01:02'];
const HOSTS = ['router', 'tv', 'camera', 'net'] as const;
type Host = (typeof HOSTS)[number];

const here = createExec();
const on = (host: Host): Exec => createExec(['ip', 'netns', 'exec', `${PREFIX}-${host}`]);

async function run(exec: Exec, script: string): Promise<string> {
  const { code, stdout, stderr } = await exec.run(['bash', '-ec', script], { timeoutMs: 20_000 });
  if (code !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

async function device(name: 'tv' | 'camera', mac: string, number: number): Promise<void> {
  await run(
    here,
    `ip link add ${name}0 netns ${PREFIX}-router type veth peer name eth0 netns ${PREFIX}-${name} address ${mac}`,
  );
  await run(on('router'), `ip link set ${name}0 master br-lan up`);
  await run(
    on(name),
    `sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
     ip link set lo up; ip link set eth0 up
     ip addr add 192.168.77.${number}/24 dev eth0; ip addr add fd77::${number}/64 dev eth0 nodad
     ip route add default via 192.168.77.1; ip -6 route add default via fd77::1`,
  );
}

let stopper: AbortController;
let folder: string;
let names: Promise<unknown>;

beforeEach(async () => {
  stopper = new AbortController();
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-observe-'));
  for (const host of HOSTS) await run(here, `ip netns add ${PREFIX}-${host}`);
  await run(
    on('router'),
    `sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0
     ip link set lo up
     ip link add br-lan address 02:00:00:00:00:01 type bridge; ip link set br-lan up
     ip addr add 192.168.77.1/24 dev br-lan; ip addr add fd77::1/64 dev br-lan nodad`,
  );
  await run(
    here,
    `ip link add wan0 netns ${PREFIX}-router address 02:00:00:00:00:02 type veth peer name eth0 netns ${PREFIX}-net address 02:00:00:00:09:09`,
  );
  await run(
    on('router'),
    `ip link set wan0 up; ip addr add 203.0.113.1/24 dev wan0; ip addr add 2001:db8:1::1/64 dev wan0 nodad
     ip route add default via 203.0.113.2; ip -6 route add default via 2001:db8:1::2
     nft add table ip nat; nft 'add chain ip nat post { type nat hook postrouting priority 100; }'
     nft add rule ip nat post oifname wan0 masquerade
     nft add table ip6 watch; nft 'add chain ip6 watch f { type filter hook forward priority 0; }'
     nft add rule ip6 watch f ct state new accept`,
  );
  await run(
    on('net'),
    `ip link set lo up; ip link set eth0 up; ip addr add 203.0.113.2/24 dev eth0; ip addr add 198.51.100.7/32 dev lo
     ip addr add 2001:db8:1::2/64 dev eth0 nodad; ip -6 route add fd77::/64 via 2001:db8:1::1`,
  );
  await device('tv', TV, 11);
  await device('camera', CAMERA, 12);
  const zone = ['/ads.example/198.51.100.7', '/ads.example/2001:db8:1::2', '/video.example/198.51.100.8'];
  names = on('net').open(
    [
      'dnsmasq',
      '--no-daemon',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--user=root',
      '--pid-file',
      ...zone.map((entry) => `--address=${entry}`),
      '--cname=www.ads.example,ads.example',
      '--host-record=ads.example,198.51.100.7,2001:db8:1::2',
    ],
    stopper.signal,
  ).exited;
});

afterEach(async () => {
  stopper.abort();
  await names;
  for (const host of HOSTS) await here.run(['ip', 'netns', 'del', `${PREFIX}-${host}`]);
  await rm(folder, { recursive: true, force: true });
});

function agent() {
  const leases = join(folder, 'leases');
  const clock = systemClock;
  const cache = new NodeCache({ home: 'ab'.repeat(32), crypto: hashing, clock });
  const flows = new FlowTable({ clock });
  const observer = new Observer({
    exec: on('router'),
    clock,
    log: silentLog,
    config: { router: 'attic', leases, captures: true, pollMs: 500 },
    cache,
    flows,
  });
  const macAt = (address: string, segment = 'attic/br-lan') =>
    cache.descriptor(cache.deviceByAddress(segment, address) ?? '')?.macs[0];
  return { cache, flows, leases, observer, macAt };
}

/** Waits until it is so. */
async function until(what: string, holds: () => boolean, withinMs = 10_000): Promise<void> {
  const begun = performance.now();
  while (!holds()) {
    if (performance.now() - begun > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await systemClock.sleep(5);
  }
}

/** Captures listen from when tcpdump says so, which is a moment after its start. */
async function listening(one: ReturnType<typeof agent>, count = 0): Promise<void> {
  const frames = () =>
    one.observer.health().sources.find(({ name }) => name.startsWith('capture'))?.counters.frames ?? 0;
  const begun = performance.now();
  while (frames() <= count) {
    if (performance.now() - begun > 10_000) throw new Error('no frame was captured');
    await run(on('camera'), 'ip neigh flush dev eth0; echo x > /dev/udp/192.168.77.1/9');
    await systemClock.sleep(50);
  }
}

test('devices, names and flows of a real kernel, IPv4 and IPv6; what was set is put back', async () => {
  const one = agent();
  await writeFile(one.leases, `1795259507 ${CAMERA} 192.168.77.12 door-camera *\n`);
  await one.observer.start(stopper.signal);
  try {
    await listening(one);
    await run(
      on('tv'),
      'dig +short @203.0.113.2 www.ads.example A; dig +short @2001:db8:1::2 ads.example AAAA',
    );
    await run(on('tv'), 'for i in 1 2 3; do echo hello > /dev/udp/198.51.100.7/9999; done');
    await run(on('tv'), 'for i in 1 2 3; do echo hello > /dev/udp/2001:db8:1::2/9999; done');
    await until('the camera has its name', () => {
      const known = one.cache.descriptors().find(({ macs }) => macs[0] === CAMERA);
      return known?.names.includes('door-camera') === true;
    });
    const tv = () => one.cache.deviceByMac(TV) ?? '';
    const service = (domain: string, port: number) =>
      [...one.flows.flowsOf(tv())].find(
        (flow) => flow.port === port && one.cache.descriptor(flow.other)?.domains.includes(domain),
      );
    await until(
      'the flows are seen',
      () =>
        service('www.ads.example', 9999)?.up?.packets === 3 &&
        service('ads.example', 9999)?.up?.packets === 3,
    );
    // 20 + 8 + 6 bytes each over IPv4, 40 + 8 + 6 over IPv6; nobody answers.
    expect(service('www.ads.example', 9999)).toMatchObject({
      protocol: 17,
      up: { packets: 3, bytes: 102 },
      down: { packets: 0, bytes: 0 },
      partial: false,
    });
    expect(service('ads.example', 9999)).toMatchObject({ up: { packets: 3, bytes: 162 } });
    expect(one.macAt('192.168.77.11')).toBe(TV);
    expect(one.macAt('fd77::11')).toBe(TV);
    const devices = one.cache.descriptors().filter(({ device }) => device);
    expect(devices.map(({ macs }) => macs[0]).sort()).toEqual([TV, CAMERA]);
    expect(one.observer.interfaces()).toMatchObject({ wan: ['wan0'], lan: [{ name: 'br-lan' }] });
    const health = one.observer.health();
    expect(health).toMatchObject({ tracking: true, why: undefined });
    expect(health.sources.map(({ running, lastError }) => [running, lastError])).toEqual(
      new Array(4).fill([true, undefined]),
    );
    expect((await run(on('router'), 'sysctl -n net.netfilter.nf_conntrack_acct')).trim()).toBe('1');
  } finally {
    await one.observer.stop();
  }
  expect((await run(on('router'), 'sysctl -n net.netfilter.nf_conntrack_acct')).trim()).toBe('0');
  const left = await run(
    on('router'),
    `for pid in $(ip netns pids ${PREFIX}-router); do tr '\\0' ' ' < /proc/$pid/cmdline || true; done`,
  );
  expect(left).not.toMatch(/tcpdump|monitor/);
});

test('a device that inherits another’s address has it at once, over IPv4 and IPv6', async () => {
  const one = agent();
  await one.observer.start(stopper.signal);
  try {
    await listening(one);
    await run(on('tv'), 'echo x > /dev/udp/198.51.100.7/9; echo x > /dev/udp/2001:db8:1::2/9');
    await until(
      'the TV has its addresses',
      () => one.macAt('192.168.77.11') === TV && one.macAt('fd77::11') === TV,
    );
    await run(on('tv'), 'ip link set eth0 down');
    await run(
      on('camera'),
      `ip addr flush dev eth0 scope global; ip neigh flush dev eth0
       ip addr add 192.168.77.11/24 dev eth0; ip addr add fd77::11/64 dev eth0 nodad
       ip route replace default via 192.168.77.1; ip -6 route replace default via fd77::1`,
    );
    await run(on('camera'), 'echo x > /dev/udp/198.51.100.7/9; echo x > /dev/udp/2001:db8:1::2/9');
    await until(
      'the camera has them',
      () => one.macAt('192.168.77.11') === CAMERA && one.macAt('fd77::11') === CAMERA,
    );
    expect(one.cache.descriptors().find(({ macs }) => macs[0] === TV)?.addresses).toEqual([]);
  } finally {
    await one.observer.stop();
  }
});

test('tagged frames are seen, on a segment of their own', async () => {
  const one = agent();
  await one.observer.start(stopper.signal);
  try {
    await listening(one);
    const send = (hex: string) =>
      run(
        on('tv'),
        `python3 -c 'import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0)); s.send(bytes.fromhex("${hex}"))'`,
      );
    const head = 'ffffffffffff' + '020000000103' + '81000014';
    await send(`${head}0806${'0001080006040001'}020000000103c0a81405${'000000000000'}c0a81401`);
    await until('ARP', () => one.macAt('192.168.20.5', 'attic/br-lan/20') === '02:00:00:00:01:03');
    const from = 'fd200000000000000000000000000005';
    const to = 'ff0200000000000000000001ff000001';
    await send(`${head}86dd60000000${'0018'}3aff${from}${to}87000000${'00000000'}${from}`);
    await until('neighbour discovery', () => one.macAt('fd20::5', 'attic/br-lan/20') === '02:00:00:00:01:03');
  } finally {
    await one.observer.stop();
  }
});

test('killed helpers are started again, and nothing is counted twice', async () => {
  const one = agent();
  await one.observer.start(stopper.signal);
  try {
    await listening(one);
    await run(on('tv'), 'for i in 1 2 3; do echo hello > /dev/udp/198.51.100.7/9999; done');
    const packets = () => [...one.flows.flows()].find(({ port }) => port === 9999)?.up?.packets;
    await until('three packets', () => packets() === 3);
    const restarts = () => one.observer.health().sources.reduce((sum, source) => sum + source.restarts, 0);
    await run(
      on('router'),
      `for pid in $(ip netns pids ${PREFIX}-router); do case $(cat /proc/$pid/comm) in tcpdump|ip) kill -9 $pid;; esac; done`,
    );
    await until('both are back', () => restarts() >= 2);
    const frames =
      one.observer.health().sources.find(({ name }) => name.startsWith('capture'))?.counters.frames ?? 0;
    await listening(one, frames);
    await run(on('tv'), 'echo hello > /dev/udp/198.51.100.7/9999');
    await until('four packets', () => packets() === 4);
  } finally {
    await one.observer.stop();
  }
});

test('a kernel that tracks nothing is said', async () => {
  await run(on('router'), 'nft flush ruleset; conntrack -F');
  const one = agent();
  await one.observer.start(stopper.signal);
  try {
    await run(on('tv'), 'echo x > /dev/udp/198.51.100.7/9');
    await until(
      'it is read',
      () =>
        (one.observer.health().sources.find(({ name }) => name.startsWith('conntrack'))?.counters.readings ??
          0) > 1,
    );
    expect(one.observer.health()).toMatchObject({
      tracking: false,
      why: expect.stringContaining('tracks only where'),
    });
  } finally {
    await one.observer.stop();
  }
});
