import { expect, test } from 'vitest';
import { Aliases } from '../../../../src/local/nodes/aliases.ts';
import { NodeCache } from '../../../../src/local/nodes/node-cache.ts';
import { NodeFile } from '../../../../src/local/nodes/node-file.ts';
import type { Fact } from '../../../../src/local/observe/facts.ts';
import { silentLog } from '../../../../src/log.ts';
import { deviceId, domainNodeId } from '../../../../src/policy/identity.ts';
import { memorySeenDatabase, memorySeenStore } from '../../../../src/store/seen-memory.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { hashing } from '../hashing.ts';

const HOME = 'ab'.repeat(32);
const [TV, CAMERA] = ['02:00:00:00:01:01', '02:00:00:00:01:02'];
const LAN = 'attic/br-lan';
const HOUR = 60 * 60_000;
const id = (mac: string) => deviceId(hashing, HOME, mac);
const signal = new AbortController().signal;

const at = (mac: string, address: string): Fact => ({
  kind: 'neighbour',
  segment: LAN,
  interface: 'br-lan',
  address,
  mac,
  present: true,
  fresh: true,
});
const answer = (domain: string, address: string): Fact => ({
  kind: 'answer',
  domain,
  chain: [],
  addresses: [address],
  ttlS: 60,
});

/** One run of an agent over a database that stays. */
async function run(
  database: ReturnType<typeof memorySeenDatabase>,
  more: {
    wall?: number;
    held?: string[];
    elsewhere?: string[];
    devices?: number;
    deviceKeepMs?: number;
    routers?: string[];
  } = {},
) {
  const clock = new FakeClock(more.wall);
  const store = memorySeenStore(database);
  const cache: NodeCache = new NodeCache({
    home: HOME,
    crypto: hashing,
    clock,
    caps: { devices: more.devices ?? 4_096 },
    ...(more.deviceKeepMs === undefined ? {} : { deviceKeepMs: more.deviceKeepMs }),
    knownBefore: (node) => file.knows(node),
  });
  const aliases = new Aliases({ live: (node) => cache.descriptor(node) !== undefined });
  const file: NodeFile = new NodeFile({
    store,
    cache,
    aliases,
    clock,
    log: silentLog,
    held: (node) => more.held?.includes(node) === true,
    routerMacs: () => new Set(more.routers),
    knownElsewhere: (node) => more.elsewhere?.includes(node) === true,
  });
  await file.start(signal);
  return { clock, store, cache, aliases, file };
}

const newDevices = (cache: NodeCache) =>
  cache.news.since(0).notices.flatMap((notice) => (notice.kind === 'new' ? [notice.node] : []));

test('a restart: devices, their names, addresses, lifetimes and aliases come back', async () => {
  const database = memorySeenDatabase();
  const before = await run(database);
  before.cache.apply(at(TV, '192.168.77.11'));
  before.cache.apply({ kind: 'hostName', mac: TV, name: 'kitchen-tv', source: 'lease' });
  before.cache.apply(at(CAMERA, 'fd77::12'));
  const aliases = [before.aliases.of(id(CAMERA)), before.aliases.of('ab'.repeat(16))];
  const told = before.cache.devices();
  const life = before.cache.lifetime(id(TV));
  await before.clock.advance(HOUR);
  await before.file.stop();
  const after = await run(database, { wall: before.clock.now() + HOUR });
  expect(after.cache.devices()).toEqual(expect.arrayContaining(told));
  expect(after.cache.lifetime(id(TV))).toEqual(life);
  expect(after.cache.lastSeen(id(TV))).toBe(-2 * HOUR);
  expect([after.aliases.of(id(CAMERA)), after.aliases.of('ab'.repeat(16))]).toEqual(aliases);
  expect(after.aliases.of(id(TV))).toBe(3);
  expect(after.file.health()).toMatchObject({ loaded: { devices: 2, remotes: 0, aliases: 2 }, rubbish: 0 });
  // What is remembered gives way, and is told to nobody as new.
  after.cache.apply(at(CAMERA, '192.168.77.11'));
  expect(after.cache.deviceByAddress(LAN, '192.168.77.11')).toBe(id(CAMERA));
  await after.file.stop();
  expect(newDevices(after.cache)).toEqual([]);
});

test('a crash right after a new device was told: it is not told again; what was not told yet is', async () => {
  const database = memorySeenDatabase();
  const before = await run(database);
  before.cache.apply(at(TV, '192.168.77.11'));
  expect(newDevices(before.cache)).toEqual([]);
  await before.clock.advance(30_000);
  expect(newDevices(before.cache)).toEqual([id(TV)]);
  before.cache.apply(at(CAMERA, '192.168.77.12'));
  const number = before.aliases.of(id(CAMERA));
  const after = await run(database);
  after.cache.apply(at(TV, '192.168.77.11'));
  after.cache.apply(at(CAMERA, '192.168.77.12'));
  await after.clock.advance(30_000);
  expect(newDevices(after.cache)).toEqual([id(CAMERA)]);
  // Nor is its number, which was not on disk, given to another.
  expect(after.aliases.of(id(TV))).toBeGreaterThan(number);
});

test('what another router knew is not new', async () => {
  const one = await run(memorySeenDatabase(), { elsewhere: [id(TV)] });
  one.cache.apply(at(TV, '192.168.77.11'));
  one.cache.apply(at(CAMERA, '192.168.77.12'));
  await one.clock.advance(30_000);
  expect(newDevices(one.cache)).toEqual([id(CAMERA)]);
});

test('of remotes: what the policy refers to, and what has an alias and is in use', async () => {
  const database = memorySeenDatabase();
  const remote = (domain: string) => domainNodeId(hashing, HOME, domain);
  const before = await run(database, { held: [remote('used.example'), remote('busy.example')] });
  for (const name of ['wanted', 'used', 'busy', 'passing'])
    before.cache.apply(answer(`${name}.example`, `198.51.100.${name.length}`));
  before.aliases.of(remote('used.example'));
  before.aliases.of(remote('passing.example'));
  before.cache.refer(new Set([remote('wanted.example')]));
  await before.clock.advance(6 * 60_000);
  // A restart at which nothing has been seen yet, and one more.
  await (await run(database)).file.stop();
  const after = await run(database, { held: [remote('used.example')] });
  expect(after.cache.descriptors().flatMap(({ domains }) => domains)).toEqual(
    expect.arrayContaining(['wanted.example', 'used.example']),
  );
  expect(after.cache.descriptors()).toHaveLength(2);
  // Once nothing refers to it, it is kept no longer.
  after.cache.refer(new Set([remote('wanted.example')]));
  await after.clock.advance(6 * 60_000);
  after.cache.refer(new Set());
  await after.clock.advance(6 * 60_000);
  const [...keys] = database.content.keys();
  expect(keys.filter((key) => key.startsWith('1!r'))).toEqual([`1!r${remote('used.example')}`]);
});

test('a device that is gone by age or turned out to be a router is dropped; one that made room is still known', async () => {
  const database = memorySeenDatabase();
  const one = await run(database, { devices: 2, deviceKeepMs: HOUR });
  for (const [mac, last] of [
    [TV, 11],
    [CAMERA, 12],
    ['02:00:00:00:01:03', 13],
  ] as const) {
    one.cache.apply(at(mac, `192.168.77.${last}`));
    await one.clock.advance(30_000);
  }
  expect(one.cache.deviceByMac(TV)).toBeUndefined();
  expect(newDevices(one.cache)).toHaveLength(3);
  one.cache.apply(at(TV, '192.168.77.11'));
  one.cache.forget(['02:00:00:00:01:03']);
  await one.clock.advance(6 * 60_000);
  expect(newDevices(one.cache)).toHaveLength(3);
  const keys = () => [...database.content.keys()].filter((key) => key.startsWith('1!d')).sort();
  expect(keys()).toEqual([TV, CAMERA].map((mac) => `1!d${id(mac)}`).sort());
  await one.clock.advance(HOUR);
  one.cache.sweep();
  await one.clock.advance(6 * 60_000);
  expect(keys()).toEqual([`1!d${id(CAMERA)}`]);
});

test('quiet hours cost next to nothing; made-up MACs cannot wear out the flash', {
  timeout: 20_000,
}, async () => {
  const one = await run(memorySeenDatabase());
  one.cache.apply(at(TV, '192.168.77.11'));
  for (let hour = 0; hour < 3; hour++) {
    one.cache.apply(at(TV, '192.168.77.11'));
    await one.clock.advance(HOUR);
  }
  expect(one.file.health().written).toBe(1);
  for (let i = 0; i < 10_000; i++) {
    const mac = `02:00:01:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`;
    one.cache.apply(at(mac, `10.0.${i >> 8}.${i & 255}`));
  }
  const { written } = one.store.health();
  await one.clock.advance(HOUR);
  expect(one.file.health().written).toBeLessThan(2_100);
  expect(one.store.health().written - written).toBeLessThan(500_000);
  await one.file.stop();
  expect(one.file.health().kept).toBeLessThanOrEqual(8_192);
});

test('damaged values are told, dropped and never believed; those of a newer version are left alone', async () => {
  const database = memorySeenDatabase();
  const before = await run(database);
  before.cache.apply(at(TV, '192.168.77.11'));
  before.cache.apply(at(CAMERA, '192.168.77.12'));
  before.aliases.of(id(TV));
  await before.file.stop();
  const put = memorySeenStore(database);
  const [tv, camera] = [`1!d${id(TV)}`, `1!d${id(CAMERA)}`];
  for await (const [key, value] of put.entries({ gte: camera, lt: `${camera}!` }))
    if (key === camera) put.put(tv, value);
  put.put('1!a00000009', new Uint8Array(20));
  put.put('1!whatever', new Uint8Array(3));
  await put.flush();
  const after = await run(database);
  expect(after.cache.devices().map(({ macs }) => macs[0])).toEqual([CAMERA]);
  expect(after.aliases.has(id(TV))).toBe(1);
  expect(after.file.health()).toMatchObject({ rubbish: 3, newer: 0, loaded: { devices: 1, aliases: 1 } });
  await after.file.stop();
  expect([...database.content.keys()]).not.toContain('1!whatever');
});

test('what turned out to be a router of the home while nobody looked is no device any more', async () => {
  const database = memorySeenDatabase();
  const before = await run(database);
  before.cache.apply(at(TV, '192.168.77.11'));
  before.cache.apply(at(CAMERA, '192.168.77.12'));
  await before.file.stop();
  const after = await run(database, { routers: [CAMERA] });
  expect(after.cache.devices().map(({ macs }) => macs[0])).toEqual([TV]);
  await after.file.stop();
  expect([...database.content.keys()].filter((key) => key.startsWith('1!d'))).toEqual([`1!d${id(TV)}`]);
});

test('a disk that takes nothing stops nobody, and new devices are told all the same', async () => {
  const database = memorySeenDatabase();
  const batch = database.batch;
  database.batch = async () => {
    throw new Error('no space left on device');
  };
  const one = await run(database);
  one.cache.apply(at(TV, '192.168.77.11'));
  await one.clock.advance(60_000);
  expect(newDevices(one.cache)).toEqual([id(TV)]);
  expect(one.file.health().lastError).toContain('no space');
  database.batch = batch;
  await one.clock.advance(10 * 60_000);
  expect(one.file.health().lastError).toBeUndefined();
  expect([...database.content.keys()]).toContain(`1!d${id(TV)}`);
  await one.file.stop();
  await one.file.stop();
});
