import { expect, test } from 'vitest';
import { NodeCache, type NodeCacheOptions } from '../../../../src/local/nodes/node-cache.ts';
import type { Fact } from '../../../../src/local/observe/facts.ts';
import type { Descriptor } from '../../../../src/policy/descriptor.ts';
import { addressNodeId, deviceId, domainNodeId } from '../../../../src/policy/identity.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { hashing } from '../hashing.ts';

const HOME = 'ab'.repeat(32);
const [TV, CAMERA] = ['02:00:00:00:01:01', '02:00:00:00:01:02'];
const LAN = 'attic/br-lan';
const DAY = 24 * 60 * 60_000;

const id = {
  device: (mac: string) => deviceId(hashing, HOME, mac),
  domain: (domain: string) => domainNodeId(hashing, HOME, domain),
  address: (address: string) => addressNodeId(hashing, HOME, address),
};

function made(options: Partial<NodeCacheOptions> = {}) {
  const clock = new FakeClock();
  const cache = new NodeCache({ home: HOME, crypto: hashing, clock, ...options });
  return { clock, cache };
}

function at(mac: string, address: string, more: Partial<Fact> = {}): Fact {
  return {
    kind: 'neighbour',
    segment: LAN,
    interface: 'br-lan',
    address,
    mac,
    present: true,
    fresh: true,
    ...more,
  } as Fact;
}

function answer(domain: string, ...addresses: string[]): Fact {
  return { kind: 'answer', domain, chain: [], addresses, ttlS: 60 };
}

const bound = (descriptor: Descriptor | undefined) => descriptor?.addresses.map(({ address }) => address);

test('a device comes to life by being seen, with the id that every router of the home gives it', () => {
  const { cache } = made();
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(at(TV, 'fd77::11'));
  const expected = {
    node: id.device(TV),
    device: true,
    macs: [TV],
    domains: [],
    names: [],
  };
  expect(cache.descriptor(id.device(TV))).toEqual({
    ...expected,
    addresses: [
      { address: '192.168.77.11', segment: LAN },
      { address: 'fd77::11', segment: LAN },
    ],
  });
  expect(cache.news.since(0).notices).toMatchObject([{ kind: 'new', node: id.device(TV), number: 1 }]);
  expect(cache.deviceByMac(TV)).toBe(id.device(TV));
});

test('the newest binding wins, and the old owner loses it at once', () => {
  const { cache } = made();
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(at(CAMERA, '192.168.77.11'));
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(CAMERA));
  expect(bound(cache.descriptor(id.device(TV)))).toEqual([]);
});

test('what the kernel merely remembers confirms and begins bindings, and takes none', () => {
  const { cache } = made();
  cache.apply(at(TV, '192.168.77.11', { fresh: false }));
  cache.apply(at(CAMERA, '192.168.77.11', { fresh: false }));
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(TV));
  expect(bound(cache.descriptor(id.device(CAMERA)))).toEqual([]);
});

test('the same private address on two segments is two addresses', () => {
  const { cache } = made();
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(at(CAMERA, '192.168.77.11', { segment: 'attic/br-guest' }));
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(TV));
  expect(cache.deviceByAddress('attic/br-guest', '192.168.77.11')).toBe(id.device(CAMERA));
  expect(cache.deviceByAddress('attic/br-else', '192.168.77.11')).toBeUndefined();
});

test('without a segment: where the address was seen last', async () => {
  const { cache, clock } = made();
  cache.apply(at(CAMERA, '192.168.77.11', { segment: 'attic/br-guest' }));
  await clock.advance(10);
  cache.apply(at(TV, '192.168.77.11'));
  expect(cache.deviceByAddress(undefined, '192.168.77.11')).toBe(id.device(TV));
  await clock.advance(10);
  cache.apply(at(CAMERA, '192.168.77.11', { segment: 'attic/br-guest' }));
  expect(cache.deviceByAddress(undefined, '192.168.77.11')).toBe(id.device(CAMERA));
});

test('gone is not forgotten: it keeps its address until another takes it', () => {
  const { cache } = made();
  cache.apply(at(TV, '192.168.77.11', { present: false }));
  expect(cache.descriptors()).toEqual([]);
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(at(TV, '192.168.77.11', { present: false }));
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(TV));
});

test('a link-local address makes a device and is no address that a policy can be about', () => {
  const { cache } = made();
  cache.apply(at(TV, 'fe80::11'));
  expect(bound(cache.descriptor(id.device(TV)))).toEqual([]);
});

test('names: one per source, and those that came before their device are kept for it', () => {
  const { cache } = made();
  cache.apply({ kind: 'hostName', mac: TV, name: 'tv', source: 'dhcp' });
  expect(cache.descriptors()).toEqual([]);
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply({ kind: 'hostName', mac: TV, name: 'kitchen-tv', source: 'dhcp' });
  cache.apply({ kind: 'hostName', mac: TV, name: 'living-room', source: 'mdns' });
  cache.apply({ kind: 'hostName', mac: TV, name: 'kitchen-tv', source: 'lease' });
  expect(cache.descriptor(id.device(TV))?.names).toEqual(['kitchen-tv', 'living-room']);
});

test('names: a device that announces several in turn keeps them, and nothing changes any more', () => {
  const { cache } = made();
  cache.apply(at(TV, '192.168.77.11'));
  const announce = (name: string) => cache.apply({ kind: 'hostName', mac: TV, name, source: 'mdns' });
  for (const name of ['cam', 'cam-935l', 'cam', 'cam-935l']) announce(name);
  const { version } = cache;
  for (const name of ['cam', 'cam-935l']) announce(name);
  expect(cache.version).toBe(version);
  expect(cache.descriptor(id.device(TV))?.names).toEqual(['cam', 'cam-935l']);
  for (let i = 0; i < 100; i++) announce(`name-${i}`);
  expect(cache.descriptor(id.device(TV))?.names).toHaveLength(8);
});

test('names: the one that a device asked the router for is first, whoever spoke first, and case makes no second one', () => {
  const { cache } = made();
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply({ kind: 'hostName', mac: TV, name: 'annas-tv', source: 'mdns' });
  cache.apply({ kind: 'hostName', mac: TV, name: 'livingroom', source: 'mdns' });
  cache.apply({ kind: 'hostName', mac: TV, name: 'LivingRoom', source: 'lease' });
  expect(cache.descriptor(id.device(TV))?.names).toEqual(['LivingRoom', 'annas-tv']);
});

test('a remote is its domain, with every address that the domain answered with', () => {
  const { cache } = made();
  cache.apply(answer('ads.example', '198.51.100.7', '2001:db8::7'));
  cache.apply(answer('ads.example', '198.51.100.8', '0.0.0.0'));
  expect(cache.descriptor(id.domain('ads.example'))).toEqual({
    node: id.domain('ads.example'),
    device: false,
    macs: [],
    addresses: [{ address: '198.51.100.7' }, { address: '2001:db8::7' }, { address: '198.51.100.8' }],
    domains: ['ads.example'],
    names: [],
  });
  expect(cache.remoteByDomain('ads.example')).toBe(id.domain('ads.example'));
});

test('an address without a name is a node of its own, until a name is known for it', () => {
  const { cache } = made();
  expect(cache.remoteByAddress('198.51.100.7')).toBeUndefined();
  expect(cache.noteRemote('198.51.100.7')).toBe(id.address('198.51.100.7'));
  expect(cache.remoteByAddress('198.51.100.7')).toBe(id.address('198.51.100.7'));
  cache.apply(answer('ads.example', '198.51.100.7'));
  expect(cache.noteRemote('198.51.100.7')).toBe(id.domain('ads.example'));
  expect(bound(cache.descriptor(id.address('198.51.100.7')))).toEqual(['198.51.100.7']);
});

test('several names on one address: the newest answers for it, all are known', () => {
  const { cache } = made();
  cache.apply(answer('a.example', '198.51.100.7'));
  cache.apply(answer('b.example', '198.51.100.7'));
  expect(cache.remoteByAddress('198.51.100.7')).toBe(id.domain('b.example'));
  cache.apply(answer('a.example', '198.51.100.7'));
  expect(cache.remoteByAddress('198.51.100.7')).toBe(id.domain('a.example'));
  expect(cache.domainsOf('198.51.100.7')).toEqual(['a.example', 'b.example']);
  expect(cache.domainsOf('198.51.100.9')).toEqual([]);
});

test('bindings age after seven days without being seen; seeing them keeps them', async () => {
  const { cache, clock } = made();
  cache.refer(new Set([id.domain('ads.example'), id.device(TV)]));
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(answer('ads.example', '198.51.100.7', '198.51.100.8'));
  await clock.advance(4 * DAY);
  cache.apply(answer('ads.example', '198.51.100.8'));
  await clock.advance(4 * DAY);
  const before = cache.bindingsVersion;
  cache.sweep();
  expect(cache.bindingsVersion).toBeGreaterThan(before);
  expect(bound(cache.descriptor(id.domain('ads.example')))).toEqual(['198.51.100.8']);
  expect(bound(cache.descriptor(id.device(TV)))).toEqual([]);
  expect(cache.remoteByAddress('198.51.100.7')).toBeUndefined();
});

test('a remote that nothing refers to goes after half an hour, a device after 90 days', async () => {
  const { cache, clock } = made();
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(answer('ads.example', '198.51.100.7'));
  cache.apply(answer('kept.example', '198.51.100.8'));
  cache.apply(answer('busy.example', '198.51.100.9'));
  cache.refer(new Set([id.domain('kept.example')]));
  await clock.advance(31 * 60_000);
  cache.sweep((node) => node === id.domain('busy.example'));
  expect(cache.remoteByDomain('ads.example')).toBeUndefined();
  expect(cache.remoteByDomain('kept.example')).toBeDefined();
  expect(cache.remoteByDomain('busy.example')).toBeDefined();
  expect(cache.deviceByMac(TV)).toBeDefined();
  await clock.advance(8 * DAY);
  cache.sweep();
  expect(bound(cache.descriptor(id.device(TV)))).toEqual([]);
  await clock.advance(83 * DAY);
  cache.sweep();
  expect(cache.deviceByMac(TV)).toBeUndefined();
  expect(cache.remoteByDomain('kept.example')).toBeDefined();
  expect(cache.news.since(0).notices.map(({ kind, node }) => [kind, node])).toEqual([
    ['new', id.device(TV)],
    ['gone', id.domain('ads.example')],
    ['gone', id.domain('busy.example')],
    ['gone', id.device(TV)],
  ]);
});

test('a node that somebody holds is neither aged out nor evicted, until the last one lets go', async () => {
  const { cache, clock } = made({ caps: { devices: 2 } });
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(answer('ads.example', '198.51.100.7'));
  const release = [
    cache.holds.hold('view', id.device(TV)),
    cache.holds.hold('view', id.device(TV)),
    cache.holds.hold('spin', id.domain('ads.example')),
  ];
  expect([...cache.holds.of(id.device(TV))]).toEqual([['view', 2]]);
  for (let i = 1; i < 9; i++) cache.apply(at(`02:00:00:00:02:0${i}`, `192.168.77.2${i}`));
  await clock.advance(100 * DAY);
  cache.sweep();
  expect(cache.deviceByMac(TV)).toBeDefined();
  expect(cache.remoteByDomain('ads.example')).toBeDefined();
  release[0]?.();
  release[0]?.();
  expect(cache.holds.has(id.device(TV))).toBe(true);
  for (const one of release) one();
  cache.sweep();
  expect(cache.descriptors()).toEqual([]);
  expect([...cache.holds.of(id.device(TV))]).toEqual([]);
});

test('whoever made room is told as a change, and as gone', () => {
  const { cache } = made({ caps: { devices: 1 } });
  cache.apply(at(TV, '192.168.77.11'));
  cache.takeChanged();
  cache.apply(at(CAMERA, '192.168.77.12'));
  expect(cache.takeChanged()).toEqual(new Set([id.device(TV), id.device(CAMERA)]));
  expect(cache.news.since(1).notices).toMatchObject([
    { kind: 'gone', node: id.device(TV), device: true, why: 'room' },
    { kind: 'new', node: id.device(CAMERA) },
  ]);
});

test('new is only what nobody knew before', () => {
  const { cache } = made({ knownBefore: (node) => node === id.device(TV) });
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(at(CAMERA, '192.168.77.12'));
  expect(cache.news.since(0).notices).toMatchObject([{ kind: 'new', node: id.device(CAMERA) }]);
});

test('one more reader is told of names too, the first is not', () => {
  const { cache } = made();
  const changes = cache.changes();
  cache.apply(at(TV, '192.168.77.11'));
  cache.takeChanged();
  changes.take();
  cache.apply({ kind: 'hostName', mac: TV, name: 'tv', source: 'dhcp' });
  expect(cache.takeChanged()).toEqual(new Set());
  expect(changes.take()).toEqual(new Set([id.device(TV)]));
});

test('caps: the oldest that nothing refers to makes room; when all are referred to, the new one waits outside', () => {
  const { cache } = made({ caps: { devices: 2, remotes: 2 } });
  cache.apply(answer('a.example', '198.51.100.1'));
  cache.apply(answer('b.example', '198.51.100.2'));
  cache.refer(new Set([id.domain('a.example')]));
  cache.apply(answer('c.example', '198.51.100.3'));
  expect(cache.remoteByDomain('a.example')).toBeDefined();
  expect(cache.remoteByDomain('b.example')).toBeUndefined();
  expect(cache.remoteByAddress('198.51.100.2')).toBeUndefined();
  cache.refer(new Set([id.domain('a.example'), id.domain('c.example')]));
  expect(cache.noteRemote('198.51.100.4')).toBeUndefined();
  for (const mac of [TV, CAMERA, '02:00:00:00:01:03']) cache.apply(at(mac, `192.168.77.${mac.slice(-1)}`));
  expect(cache.deviceByMac(TV)).toBeUndefined();
  expect(cache.deviceByAddress(LAN, '192.168.77.1')).toBeUndefined();
  expect(cache.counters).toEqual({
    devices: { size: 2, evicted: 1, refused: 0, addressesDropped: 0 },
    remotes: { size: 2, evicted: 1, refused: 1, addressesDropped: 0 },
  });
});

test('caps: a node keeps its newest addresses', () => {
  const { cache } = made({ caps: { deviceAddresses: 2, remoteAddresses: 2 } });
  for (const i of [1, 2, 1, 3]) {
    cache.apply(at(TV, `192.168.77.${i}`));
    cache.apply(answer('ads.example', `198.51.100.${i}`));
  }
  expect(bound(cache.descriptor(id.device(TV)))).toEqual(['192.168.77.1', '192.168.77.3']);
  expect(bound(cache.descriptor(id.domain('ads.example')))).toEqual(['198.51.100.1', '198.51.100.3']);
  expect(cache.deviceByAddress(LAN, '192.168.77.2')).toBeUndefined();
  expect(cache.remoteByAddress('198.51.100.2')).toBeUndefined();
  expect(cache.counters.remotes.addressesDropped).toBe(1);
});

test('watching: told of changes, not of seeing the same again', () => {
  const { cache } = made();
  let told = 0;
  const end = cache.watch(() => {
    told += 1;
  });
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(answer('ads.example', '198.51.100.7'));
  cache.apply(answer('ads.example', '198.51.100.7'));
  expect([told, cache.version]).toEqual([2, 2]);
  end();
  cache.apply(at(CAMERA, '192.168.77.12'));
  expect([told, cache.version]).toEqual([2, 3]);
});

test('the version of bindings moves for nodes that are referred to, also when they lose one', () => {
  const { cache } = made();
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(answer('ads.example', '198.51.100.7'));
  expect(cache.bindingsVersion).toBe(0);
  cache.refer(new Set([id.device(TV), id.domain('ads.example')]));
  cache.apply(at(CAMERA, '192.168.77.12'));
  cache.apply(answer('other.example', '198.51.100.7'));
  expect(cache.bindingsVersion).toBe(0);
  cache.apply(at(CAMERA, '192.168.77.11'));
  expect(cache.bindingsVersion).toBe(1);
  cache.apply(answer('ads.example', '198.51.100.9'));
  expect(cache.bindingsVersion).toBe(2);
});

test('a node that is referred to before it was ever seen counts from its first address on', () => {
  const { cache } = made();
  cache.refer(new Set([id.domain('ads.example')]));
  cache.apply(answer('ads.example', '198.51.100.7'));
  expect(cache.bindingsVersion).toBe(1);
});

test('after a restart: what was known is there, and gives way to what is seen', () => {
  const before = made();
  before.cache.apply(at(TV, '192.168.77.11'));
  before.cache.apply({ kind: 'hostName', mac: TV, name: 'tv', source: 'dhcp' });
  before.cache.apply(answer('ads.example', '198.51.100.7'));
  before.cache.noteRemote('198.51.100.99');
  const { cache } = made();
  cache.apply(at(CAMERA, '192.168.77.12'));
  const { last } = cache.news;
  cache.restore(before.cache.descriptors());
  expect(cache.descriptors()).toEqual(expect.arrayContaining(before.cache.descriptors()));
  cache.apply(at(TV, '192.168.77.11'));
  expect(cache.news.since(last).notices).toEqual([]);
  cache.apply(at(CAMERA, '192.168.77.11'));
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(CAMERA));
});

test('after a restart: what the kernel remembers is newer than what we do, and what is fresh newer than both', () => {
  const before = made();
  before.cache.apply(at(TV, '192.168.77.11'));
  const { cache } = made();
  cache.restore(before.cache.descriptors());
  cache.apply(at(CAMERA, '192.168.77.11', { fresh: false }));
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(CAMERA));
  expect(bound(cache.descriptor(id.device(TV)))).toEqual([]);
  cache.apply(at(TV, '192.168.77.11', { fresh: false }));
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(CAMERA));
  cache.apply(at(TV, '192.168.77.11'));
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(TV));
});

test('lifetimes: over a restart first stays first, and last is what was seen last', async () => {
  const before = made();
  before.cache.apply(at(TV, '192.168.77.11'));
  await before.clock.advance(5_000);
  before.cache.apply(at(TV, '192.168.77.11'));
  const begun = before.clock.now() - 5_000;
  const life = { first: { at: begun, trusted: true }, last: { at: begun + 5_000, trusted: true } };
  expect(before.cache.lifetime(id.device(TV))).toEqual(life);
  const memory = before.cache.memory(id.device(TV));
  if (memory === undefined) throw new Error('no memory');
  const { cache, clock } = made();
  clock.setWall(begun + 60_000);
  cache.remember([memory]);
  expect(cache.lifetime(id.device(TV))).toEqual(life);
  expect(cache.lastSeen(id.device(TV))).toBe(-55_000);
  cache.apply(at(TV, '192.168.77.11'));
  expect(cache.lifetime(id.device(TV)).first).toEqual(life.first);
  expect(cache.lifetime(id.device(TV)).last?.at).toBe(begun + 60_000);
  expect(cache.lifetime(id.domain('ads.example'))).toEqual({});
});

test('lifetimes: what the kernel had remembered is no sighting of a device that is known', () => {
  const { cache, clock } = made();
  const life = { last: { at: clock.now() - DAY, trusted: true } };
  const descriptor = { node: '', device: true, macs: [TV], addresses: [], domains: [], names: [] };
  cache.remember([{ descriptor, life }]);
  const stale: Fact = {
    kind: 'neighbour',
    segment: LAN,
    interface: 'br-lan',
    address: '192.168.77.11',
    mac: TV,
    present: true,
    fresh: false,
    stale: true,
  };
  cache.apply(stale);
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(TV));
  expect(cache.lastSeen(id.device(TV))).toBe(-DAY);
  cache.apply({ ...stale, stale: false });
  expect(cache.lastSeen(id.device(TV))).toBe(0);
  // A device that nobody knew was seen now, as far as anybody can tell.
  cache.apply({ ...stale, mac: CAMERA, address: '192.168.77.12' });
  expect(cache.lastSeen(id.device(CAMERA))).toBe(0);
});

test('lifetimes: over a restart only a clock that is believed ends a device, then and now', () => {
  const old = (trusted: boolean) => ({
    descriptor: { node: '', device: true, macs: [TV], addresses: [], domains: [], names: [] },
    life: { last: { at: 1_700_000_000_000 - 91 * DAY, trusted } },
  });
  for (const [then, now] of [
    [true, true],
    [true, false],
    [false, true],
  ] as const) {
    const { cache } = made({ clockTrusted: () => now });
    cache.remember([old(then)]);
    cache.sweep();
    expect(cache.deviceByMac(TV) === undefined).toBe(then && now);
  }
});

test('what was already seen since the start is newer than what is restored', () => {
  const before = made();
  before.cache.apply(at(TV, '192.168.77.11'));
  const { cache } = made();
  cache.apply(at(CAMERA, '192.168.77.11'));
  cache.restore(before.cache.descriptors());
  expect(cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id.device(CAMERA));
});

test('what turned out to be no device is forgotten, unless something refers to it', () => {
  const { cache } = made();
  cache.apply(at(TV, '192.168.77.11'));
  cache.apply(at(CAMERA, '192.168.77.12'));
  cache.refer(new Set([id.device(TV)]));
  cache.forget([TV, CAMERA, '02:00:00:00:01:03']);
  expect(cache.devices().map(({ macs }) => macs[0])).toEqual([TV]);
  expect(cache.deviceByAddress(LAN, '192.168.77.12')).toBeUndefined();
});

test('the node of an address is not that of a domain that answers with it', () => {
  const { cache } = made({ caps: { remotes: 2 } });
  cache.apply(answer('ads.example', '198.51.100.7'));
  expect(cache.addressNode('198.51.100.7')).toBe(id.address('198.51.100.7'));
  expect(cache.addressNode('198.51.100.7')).toBe(id.address('198.51.100.7'));
  expect(cache.remoteByAddress('198.51.100.7')).toBe(id.domain('ads.example'));
  cache.refer(new Set([id.address('198.51.100.7'), id.domain('ads.example')]));
  expect(cache.addressNode('198.51.100.8')).toBeUndefined();
});

test('what a device says in a TLS hello names an address that nobody has named, and takes none over', () => {
  const { cache } = made();
  const hello = (domain: string, address: string): Fact => ({
    ...(answer(domain, address) as Extract<Fact, { kind: 'answer' }>),
    source: 'sni',
  });
  cache.apply(answer('bank.example', '198.51.100.1'));
  cache.apply(hello('ads.example', '198.51.100.1'));
  expect(cache.descriptor(id.domain('ads.example'))).toBeUndefined();
  expect(cache.domainsOf('198.51.100.1')).toEqual(['bank.example']);
  cache.apply(hello('ads.example', '198.51.100.2'));
  expect(bound(cache.descriptor(id.domain('ads.example')))).toEqual(['198.51.100.2']);
  // A resolver's word comes on top.
  cache.apply(answer('bank.example', '198.51.100.2'));
  expect(cache.remoteByAddress('198.51.100.2')).toBe(id.domain('bank.example'));
});
