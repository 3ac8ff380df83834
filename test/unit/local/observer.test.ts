import { expect, test } from 'vitest';
import { FlowTable } from '../../../src/local/flows/flow-table.ts';
import { NodeCache } from '../../../src/local/nodes/node-cache.ts';
import type { Interfaces } from '../../../src/local/observe/interfaces.ts';
import { Observer } from '../../../src/local/observer.ts';
import { silentLog } from '../../../src/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { hashing } from './hashing.ts';
import { fixture } from './observe/fixture.ts';
import { answer, arp, ethernet, ipv4, pcap, ROUTER, udp } from './observe/packets.ts';
import { ScriptedExec, settle } from './observe/scripted-exec.ts';

const ADDR = `2: br-lan    inet 192.168.77.1/24 scope global br-lan
2: br-lan    inet6 fd77::1/64 scope global
3: wan0    inet 203.0.113.1/24 scope global wan0`;
const LINK = `2: br-lan: <UP> mtu 1500 state UP \\    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
3: wan0: <UP> mtu 1500 state UP \\    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff`;
const [TV, CAMERA] = ['02:00:00:00:01:01', '02:00:00:00:01:02'];

function house() {
  const texts = new Map([
    ['ip -o addr', ADDR],
    ['ip -o link', LINK],
    ['ip route', 'default via 203.0.113.2 dev wan0\n'],
    ['ip -6 route', ''],
    ['ip neigh show', fixture('neighbours/ip-neigh-show.txt')],
    ['conntrack -L -o extended,id', fixture('conntrack/L2-extended-id.txt')],
    ['conntrack -L -o extended,id -f ipv6', ''],
    ['head -c 1048576 -- /leases', fixture('neighbours/dnsmasq-dhcp.leases')],
  ]);
  const exec = new ScriptedExec((command) => {
    const stdout = texts.get(command);
    return stdout === undefined ? undefined : { stdout };
  });
  const clock = new FakeClock();
  const cache = new NodeCache({ home: 'ab', crypto: hashing, clock });
  const flows = new FlowTable({ clock });
  const told: Interfaces[] = [];
  const observer = new Observer({
    exec,
    clock,
    log: silentLog,
    config: { router: 'attic', leases: '/leases', captures: true, pollMs: 2_000 },
    cache,
    flows,
    onInterfaces: (interfaces) => told.push(interfaces),
  });
  return { texts, exec, clock, cache, flows, told, observer };
}

const macOf = (one: ReturnType<typeof house>, address: string) =>
  one.cache.descriptor(one.cache.deviceByAddress('attic/br-lan', address) ?? '')?.macs[0];

test('what the kernel knows: devices of the LAN, their names, their flows; the WAN’s gateway is none', async () => {
  const one = house();
  await one.observer.start(new AbortController().signal);
  await settle();
  await one.clock.advance(3_000);
  const devices = one.cache.descriptors().filter(({ device }) => device);
  expect(devices.map(({ macs }) => macs[0]).sort()).toEqual([TV, CAMERA]);
  expect(devices.find(({ macs }) => macs[0] === CAMERA)?.names).toEqual(['kitchen-tv']);
  // The fourth entry waits: the table has no neighbour fd77::11.
  expect([...one.flows.flows()]).toHaveLength(3);
  expect(one.told).toHaveLength(1);
  const health = one.observer.health();
  expect(health).toMatchObject({ lan: ['br-lan'], tracking: true });
  expect(health.sources.map(({ name }) => name)).toEqual([
    'neighbours',
    'leases',
    'conntrack (conntrack)',
    'capture br-lan',
  ]);
  await one.observer.stop();
  expect(one.exec.children.size).toBe(0);
});

test('frames: a device that inherits an address has it with its first frame; answers name remotes', async () => {
  const one = house();
  await one.observer.start(new AbortController().signal);
  await settle();
  expect(macOf(one, '192.168.77.11')).toBe(TV);
  const reply = answer('ads.example', [{ type: 'A', name: 'ads.example', data: '198.51.100.7', ttl: 60 }]);
  one.exec
    .child('tcpdump')
    .stdout.write(
      pcap([
        ethernet(0x0806, arp(CAMERA, '192.168.77.11')),
        ethernet(0x0800, ipv4(17, '192.168.77.1', '192.168.77.11', udp(53, 4000, reply)), ROUTER, CAMERA),
      ]),
    );
  await settle();
  expect(macOf(one, '192.168.77.11')).toBe(CAMERA);
  expect(one.cache.domainsOf('198.51.100.7')).toEqual(['ads.example']);
  // The kernel still remembers otherwise: nothing is taken back.
  await one.clock.advance(30_000);
  expect(macOf(one, '192.168.77.11')).toBe(CAMERA);
  await one.observer.stop();
});

test('interfaces that come and go: told, captured, no longer captured', async () => {
  const one = house();
  await one.observer.start(new AbortController().signal);
  await settle();
  one.texts.set('ip -o addr', `${ADDR}\n4: br-guest    inet 192.168.20.1/24 scope global br-guest`);
  await one.clock.advance(12_000);
  expect(one.told.at(-1)?.lan.map(({ segment }) => segment)).toEqual(['attic/br-lan', 'attic/br-guest']);
  expect(one.exec.child('br-guest').argv[0]).toBe('tcpdump');
  one.texts.set('ip -o addr', ADDR);
  await one.clock.advance(12_000);
  expect(one.told).toHaveLength(3);
  expect(() => one.exec.child('br-guest')).toThrow('no child');
  await one.observer.stop();
});

test('a router of the home that was taken for a device is one no more', async () => {
  const one = house();
  await one.observer.start(new AbortController().signal);
  await settle();
  one.observer.exclude(new Set([CAMERA]));
  await one.clock.advance(12_000);
  expect(one.cache.devices().map(({ macs }) => macs[0])).toEqual([TV]);
  await one.observer.stop();
});

test('a box without a LAN says so', async () => {
  const one = house();
  one.texts.set('ip route', 'default via 192.168.77.254 dev br-lan\n');
  await one.observer.start(new AbortController().signal);
  await settle();
  expect(one.observer.health().why).toContain('no LAN interface was found');
  expect(one.cache.descriptors().filter(({ device }) => device)).toEqual([]);
  await one.observer.stop();
});

test('interfaces that cannot be read at the start are read later', async () => {
  const one = house();
  one.texts.delete('ip -o addr');
  await one.observer.start(new AbortController().signal);
  await settle();
  expect(one.observer.health().why).toContain('cannot read the interfaces');
  one.texts.set('ip -o addr', ADDR);
  await one.clock.advance(12_000);
  expect(one.observer.interfaces().wan).toEqual(['wan0']);
  await one.observer.stop();
});

test('ageing: idle flows go, and with them what only they held', async () => {
  const one = house();
  await one.observer.start(new AbortController().signal);
  await one.clock.advance(3_000);
  expect(one.cache.remoteByAddress('198.51.100.99')).toBeDefined();
  one.texts.set('conntrack -L -o extended,id', '');
  await one.clock.advance(29 * 60_000);
  expect(one.cache.remoteByAddress('198.51.100.99')).toBeDefined();
  await one.clock.advance(6 * 60_000);
  expect(one.flows.size).toBe(0);
  expect(one.cache.remoteByAddress('198.51.100.99')).toBeUndefined();
  await one.observer.stop();
}, 30_000);

test('stopping twice, and before the start, does no harm', async () => {
  const one = house();
  await one.observer.stop();
  await one.observer.start(new AbortController().signal);
  await one.observer.stop();
  await one.observer.stop();
  expect(one.exec.children.size).toBe(0);
});
