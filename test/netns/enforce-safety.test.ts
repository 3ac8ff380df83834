import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import { Enforcer } from '../../src/local/enforce/enforcer.ts';
import { PlanFile } from '../../src/local/enforce/plan-file.ts';
import { restorePlan } from '../../src/local/enforce/plan-restore.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import { DropReader } from '../../src/local/flows/drop-reader.ts';
import { Drops } from '../../src/local/flows/drops.ts';
import type { Drop } from '../../src/local/flows/flow.ts';
import { silentLog } from '../../src/log.ts';
import type { BlockSet, Prefix } from '../../src/policy/block-set.ts';
import { guardOf } from '../../src/policy/guard.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner, type Wide } from '../unit/local/enforce/block-sets.ts';
import { createWorld, guest, sleep, type Traffic, type World } from './enforce-world.ts';

const { tv, ads, video } = names;
const { signal } = new AbortController();
const KINDS = ['ipset', 'nftables'] as const;
/** The world's router, and another router of the home behind it: the device of its second LAN. */
const SELF = ['192.168.1.1', '2001:db8:1::1'];
const MEMBER = [guest.v4, guest.v6];
const HOME = new Set<Prefix>(['192.168.1.0/24', '192.168.2.0/24', '2001:db8:1::/56']);
const guarded = [...guardOf(SELF, MEMBER, HOME)];
const guardless = [...guardOf([], [], HOME)];

let world: World;
const opened: Backend[] = [];

async function open(kind: (typeof KINDS)[number], exec = world.router): Promise<Backend> {
  const options = { exec, clock: systemClock, log: silentLog, slots: createSlotMemory(), wan: ['wan0'] };
  const choice = await chooseBackend(kind, options, signal);
  if (choice.role !== 'enforcer') throw new Error(choice.reason);
  opened.push(choice.backend);
  return choice.backend;
}

beforeAll(async () => {
  world = await createWorld();
});
afterEach(async () => {
  for (const backend of opened.splice(0)) {
    await backend.clear(signal);
    await backend.stop();
  }
});
afterAll(() => world.close());

/** Whether bytes still come; a packet or two may be under way. */
async function goesOn(session: Traffic): Promise<boolean> {
  await sleep(100);
  const before = session.count();
  for (let waited = 0; waited < 500; waited += 50) {
    if (session.count() > before + 100_000) return true;
    await sleep(50);
  }
  return false;
}

describe.each(KINDS)('a session for looking after routers (%s)', (kind) => {
  test('is not cut by a block of the device from which it is, whatever that is of', async () => {
    const backend = await open(kind);
    const served = [...(['guest', 'router', 'net'] as const)].map((host) =>
      world.traffic(host, 'tcp-serve', '2222'),
    );
    await sleep(300);
    const session = (source: string, target: string) =>
      world.traffic('tv', 'tcp-read', source, target, '2222');
    const member = [session(tv.v4, guest.v4), session(tv.v6, guest.v6)];
    const self = [session(tv.v6, '2001:db8:1::1')];
    const outside = [session(tv.v4, ads.v4)];
    const all = [...member, ...self, ...outside];
    for (const one of all) await one.reaches(100_000);

    const cut = (wide: Wide, guard: string[]) =>
      blockSet([owner('1', [tv.v4, tv.v6], [...MEMBER, ...SELF], [tv.mac], wide)], {
        guard,
        home: [...HOME],
        everyone: MEMBER,
      });
    const blocks: [Wide, boolean][] = [
      [{ lan: true, networks: [...HOME] }, true],
      [{ internet: true, lan: true }, false],
    ];
    for (const [wide, outsideToo] of blocks) {
      await backend.set(cut(wide, guarded), signal);
      const went = await Promise.all(all.map(goesOn));
      expect(went).toEqual([true, true, true, outsideToo]);
    }
    // It is the guard that does it: without it only what is not forwarded goes on.
    await backend.set(cut({ lan: true }, guardless), signal);
    expect(await Promise.all([...member, ...self].map(goesOn))).toEqual([false, false, true]);
    await Promise.all([...all, ...served].map((one) => one.end()));
  });
});

describe.each(KINDS)('a trial (%s)', (kind) => {
  test('is not put in force again by a boot without an agent; what lasts is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hedgerow-trial-'));
    const path = join(folder, 'plan');
    const lasting = blockSet([owner('1', [tv.v4, tv.v6], [video.v4, video.v6], [tv.mac])]);
    const trial = blockSet([
      owner('1', [tv.v4, tv.v6], [video.v4, video.v6], [tv.mac], { internet: true }),
      owner('2', ['192.168.1.99'], [ads.v4]),
    ]);
    let desired: { state: string; blockSet: BlockSet; atBoot?: BlockSet } = {
      state: 'one',
      blockSet: lasting,
    };
    const enforcer = new Enforcer({
      backend: await open(kind),
      desired: () => desired,
      onApplied: () => undefined,
      clock: systemClock,
      log: silentLog,
      planFile: new PlanFile({ path, clock: systemClock, log: silentLog }),
    });
    const passes = () => Promise.all([world.ping('tv', tv.v4, ads.v4), world.ping('tv', tv.v6, video.v6)]);
    try {
      await enforcer.start(signal);
      desired = { state: 'two', blockSet: trial, atBoot: lasting };
      enforcer.notify();
      await enforcer.settled();
      expect(await passes()).toEqual([false, false]);
      await enforcer.stop();
      // The machine starts again: its kernel is empty, and its agent never comes.
      await (await open(kind)).clear(signal);
      expect(await passes()).toEqual([true, true]);
      await restorePlan(path, world.router, signal);
      expect(await passes()).toEqual([true, false]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe.each(KINDS)('a blocked stream of 20,000 packets a second (%s)', (kind) => {
  test('is told of once a reading, exactly, at the same cost however many packets it has', async () => {
    let commands = 0;
    const exec: typeof world.router = {
      ...world.router,
      run: (...args) => {
        commands += 1;
        return world.router.run(...args);
      },
    };
    const backend = await open(kind, exec);
    await backend.set(blockSet([owner('1', [tv.v4, tv.v6], [video.v4], [tv.mac])]), signal);
    const told: Drop[] = [];
    const places = { isLan: () => false, deviceAt: () => undefined, remoteAt: () => 'video' };
    const reader = new DropReader({
      clock: systemClock,
      read: (inner) => backend.counters(inner),
      drops: new Drops(places),
      onDrop: (drop) => told.push(drop),
      everyMs: 100,
    });
    await reader.start(signal);
    await sleep(300);
    const before = { readings: reader.health().counters.readings ?? 0, commands };
    const sender = world.traffic('tv', 'udp-send', tv.v4, video.v4, '9000', '20000');
    await sender.reaches(10_000);
    const sent = await sender.end();
    await sleep(700);
    await reader.stop();
    const { readings = 0, packets } = reader.health().counters;
    const rounds = readings - before.readings;
    // One device, one remote: at most one word a reading, and no packet is lost or told of twice.
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThanOrEqual(rounds);
    expect(packets).toBe(sent);
    expect(told.reduce((sum, drop) => sum + drop.packets, 0)).toBe(sent);
    // A few commands a reading, each of them of the size of the policy.
    expect(commands - before.commands).toBeLessThanOrEqual(6 * (rounds + 1));
  });
});
