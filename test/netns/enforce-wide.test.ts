import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../../src/local/enforce/iptables.ts';
import { PlanFile } from '../../src/local/enforce/plan-file.ts';
import { restorePlan } from '../../src/local/enforce/plan-restore.ts';
import { createSlotMemory, type SlotMemory } from '../../src/local/enforce/slots.ts';
import { silentLog } from '../../src/log.ts';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner, type Wide } from '../unit/local/enforce/block-sets.ts';
import { createWorld, guest, sleep, type World } from './enforce-world.ts';

const { tv, console: other, ads, video } = names;
const { signal } = new AbortController();
const RATE = 5_000;
const HOME = ['192.168.1.0/24', '192.168.2.0/24', '2001:db8:1::/56'];

let world: World;
let slots: SlotMemory;
const opened: IpsetBackend[] = [];

function open(): IpsetBackend {
  const iptables = new Iptables(world.router, 'legacy');
  const options = { exec: world.router, clock: systemClock, log: silentLog, iptables, slots, wan: ['wan0'] };
  const backend = new IpsetBackend(options);
  opened.push(backend);
  return backend;
}

const blocked = (wide: Wide, remotes: string[] = [], everyone: string[] = []): BlockSet =>
  blockSet([owner('1', [tv.v4, tv.v6], remotes, [tv.mac], wide)], { home: HOME, everyone });

beforeEach(async () => {
  world = await createWorld();
  slots = createSlotMemory();
});
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.stop();
  await world.close();
});

/** Runs a stream between two hosts while the work is done, and tells how much of it arrived. */
async function during(
  stream: { from: 'tv' | 'net'; source: string; target: string },
  work: () => Promise<void>,
): Promise<{ sent: number; passed: number }> {
  const counter = world.traffic(stream.from === 'tv' ? 'net' : 'tv', 'udp-count', '9000');
  await sleep(300);
  const sender = world.traffic(stream.from, 'udp-send', stream.source, stream.target, '9000', `${RATE}`);
  await sender.reaches(1_000);
  await work();
  await sleep(200);
  const sent = await sender.end();
  await sleep(100);
  return { sent, passed: await counter.end() };
}

/** Counts the packets between two addresses where they enter the router and where they leave it; between stand our rules. */
async function countThrough(
  source: string,
  target: string,
): Promise<() => Promise<{ in: number; out: number }>> {
  const tool = source.includes(':') ? 'ip6tables-legacy' : 'iptables-legacy';
  const flow = ['-s', source, '-d', target];
  await world.run('router', tool, '-t', 'mangle', '-A', 'PREROUTING', ...flow);
  await world.run('router', tool, '-t', 'mangle', '-A', 'POSTROUTING', ...flow);
  return async () => {
    const text = await world.run('router', `${tool}-save`, '-c', '-t', 'mangle');
    const count = (hook: string): number =>
      Number(new RegExp(`^\\[(\\d+):\\d+\\] -A ${hook} `, 'm').exec(text)?.[1]);
    return { in: count('PREROUTING'), out: count('POSTROUTING') };
  };
}

const START = blocked({}, [ads.v4, ads.v6]);
/** Each of these blocks ads for the TV, and lets it reach the video; by every pair of ways. */
const EITHER_WAY: readonly BlockSet[] = [
  START,
  blocked({ internet: true, exceptions: [video.v4, video.v6] }),
  blocked({ networks: [`${ads.v4}/32`, '2001:db8:f::/125'] }),
  blocked({ internet: true, lan: true, exceptedNetworks: ['203.0.113.8/31', '2001:db8:f::8/128'] }),
  blocked({ exceptions: [video.v4, video.v6] }, [], [ads.v4, ads.v6, video.v4, video.v6]),
  blocked({
    networks: ['0.0.0.0/0', '::/0'],
    exceptedNetworks: ['203.0.113.8/29', '2001:db8:f::8/125'],
  }),
];

describe('a stream of 5,000 packets a second while one kind of block takes the place of another', () => {
  const through = async (): Promise<void> => {
    let current = START;
    for (const [i, first] of EITHER_WAY.entries()) {
      // An agent that starts anew finds what another has left.
      const backend = open();
      expect((await backend.set(current, signal)).did).toBe('resync');
      for (const second of EITHER_WAY.slice(i + 1)) {
        await backend.set(first, signal);
        await backend.set(second, signal);
        expect(await backend.check(signal)).toEqual([]);
        current = second;
      }
    }
  };

  test('IPv4, IPv6 and by MAC: of what all of them block nothing passes', async () => {
    await open().set(START, signal);
    const source = [tv.v4, tv.v6, tv.newV4].join(',');
    const target = [ads.v4, ads.v6, ads.v4].join(',');
    const { sent, passed } = await during({ from: 'tv', source, target }, through);
    expect(sent).toBeGreaterThan(3_000);
    expect(passed).toBe(0);
  });

  test('from outside: nothing of what all of them block arrives', async () => {
    await open().set(START, signal);
    const { sent, passed } = await during({ from: 'net', source: ads.v4, target: tv.v4 }, through);
    expect(sent).toBeGreaterThan(3_000);
    expect(passed).toBe(0);
  });

  test('IPv4 and IPv6: what none of them blocks is not hindered', async () => {
    await open().set(START, signal);
    const counted = [await countThrough(tv.v4, video.v4), await countThrough(tv.v6, video.v6)];
    const source = [tv.v4, tv.v6].join(',');
    const target = [video.v4, video.v6].join(',');
    await during({ from: 'tv', source, target }, through);
    for (const packets of await Promise.all(counted.map((count) => count()))) {
      expect(packets.in).toBeGreaterThan(1_500);
      expect(packets.out).toBe(packets.in);
    }
  });

  test('a block that stays while wide ones come and go beside it leaks nothing', async () => {
    const backend = open();
    const pair = blocked({}, [ads.v4]);
    await backend.set(pair, signal);
    const stream = { from: 'tv', source: tv.v4, target: ads.v4 } as const;
    const { passed } = await during(stream, async () => {
      for (let n = 0; n < 5; n++) {
        await backend.set(blocked({ internet: true, lan: true, exceptions: [video.v4] }, [ads.v4]), signal);
        await backend.set(pair, signal);
      }
    });
    expect(passed).toBe(0);
  });
});

test('an isolated device reaches the internet and the one device that is excepted, and no other device reaches it', async () => {
  const isolated = blockSet(
    [
      owner('1', [tv.v4, tv.v6], [], [tv.mac], { lan: true, exceptions: [guest.v4, guest.v6] }),
      owner('2', [guest.v4, guest.v6], [], [], { lan: true, exceptions: [tv.v4, tv.v6] }),
    ],
    { home: HOME },
  );
  const reach = async (): Promise<boolean[]> => {
    const pings = [];
    for (const v of ['v4', 'v6'] as const) {
      pings.push(await world.ping('tv', tv[v], guest[v]), await world.ping('guest', guest[v], tv[v]));
      pings.push(await world.ping('tv', tv[v], ads[v]), await world.ping('guest', guest[v], ads[v]));
      pings.push(
        await world.ping('guest', guest[v], other[v]),
        await world.ping('console', other[v], guest[v]),
      );
    }
    return pings;
  };
  expect(await reach()).toEqual(Array.from({ length: 12 }, () => true));
  const backend = open();
  await backend.set(isolated, signal);
  const each = [true, true, true, true, false, false];
  expect(await reach()).toEqual([...each, ...each]);
  // An address of the TV that nobody has seen yet is isolated from its first packet.
  const alone = owner('1', [tv.v4, tv.v6], [], [tv.mac], { lan: true });
  await backend.set(blockSet([alone], { home: HOME }), signal);
  expect(await world.ping('tv', tv.newV4, guest.v4)).toBe(false);
  expect(await world.ping('tv', tv.newV4, ads.v4)).toBe(true);
});

test('a plan with wide owners blocks the same in an empty kernel, and brings no old exception back', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hedgerow-plan-'));
  try {
    const path = join(directory, 'plan');
    const file = new PlanFile({ path, clock: systemClock, log: silentLog });
    const backend = open();
    await backend.set(
      blocked({
        internet: true,
        networks: ['198.51.100.0/24'],
        exceptions: [video.v4],
        exceptedNetworks: [`${video.v6}/128`],
      }),
      signal,
    );
    file.keep('one', backend.plan());
    await file.flush();
    const reach = async (): Promise<boolean[]> => [
      await world.ping('tv', tv.v4, ads.v4),
      await world.ping('tv', tv.v6, ads.v6),
      await world.ping('tv', tv.newV4, ads.v4),
      await world.ping('tv', tv.v4, video.v4),
      await world.ping('tv', tv.v6, video.v6),
    ];
    const expected = [false, false, false, true, true];
    expect(await reach()).toEqual(expected);
    await restorePlan(path, world.router, signal);
    expect(await backend.check(signal)).toEqual([]);
    await backend.clear(signal);
    await restorePlan(path, world.router, signal);
    expect(await reach()).toEqual(expected);
    // The kernel has moved on since the file was written: one exception is gone.
    const next = open();
    await next.set(
      blocked({ internet: true, exceptions: ['192.0.2.1'], networks: ['198.51.100.0/24'] }),
      signal,
    );
    expect(await world.ping('tv', tv.v4, video.v4)).toBe(false);
    await restorePlan(path, world.router, signal);
    expect(await world.ping('tv', tv.v4, video.v4)).toBe(false);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('two lists of 10,000 prefixes go in, and one more prefix is a single change', async () => {
  const prefixes = Array.from({ length: 10_000 }, (_, n) => `10.${n >> 8}.${n & 255}.0/24`);
  const wide = { networks: [...prefixes, '203.0.113.0/29'], exceptedNetworks: prefixes };
  const backend = open();
  expect((await backend.set(blocked(wide), signal)).did).toBe('resync');
  expect(await world.ping('tv', tv.v4, ads.v4)).toBe(false);
  expect(await world.ping('tv', tv.v4, video.v4)).toBe(true);
  const more = { ...wide, networks: [...wide.networks, '203.0.113.8/29'] };
  expect(await backend.set(blocked(more), signal)).toMatchObject({ did: 'update', elements: 1, rules: 0 });
  expect(await world.ping('tv', tv.v4, video.v4)).toBe(false);
  expect(await backend.check(signal)).toEqual([]);
});
