import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import { Enforcer } from '../../src/local/enforce/enforcer.ts';
import { PlanFile, restorePlan } from '../../src/local/enforce/plan-file.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import { createExec, type Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner, type Wide } from '../unit/local/enforce/block-sets.ts';
import { aBlockSet } from '../unit/local/enforce/small-world.ts';
import { createWorld, sleep, type World } from './enforce-world.ts';

const { tv, ads, video } = names;
const { signal } = new AbortController();
const TV = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
/** Packets a second. */
const RATE = 20_000;

let world: World;
const slots = createSlotMemory();
const opened: Backend[] = [];

async function open(kind: 'ipset' | 'nftables' = 'nftables', exec: Exec = world.router): Promise<Backend> {
  const options = { exec, clock: systemClock, log: silentLog, slots, wan: ['wan0'] };
  const choice = await chooseBackend(kind, options, signal);
  if (choice.role !== 'enforcer') throw new Error(choice.reason);
  opened.push(choice.backend);
  return choice.backend;
}

beforeEach(async () => {
  world = await createWorld();
});
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.stop();
  await world.close();
});

/** Runs a stream while the work is done, and tells how much of it arrived. */
async function during(
  stream: { source: string; target: string; rate?: number },
  work: () => Promise<void>,
): Promise<{ sent: number; passed: number }> {
  const counter = world.traffic('net', 'udp-count', '9000');
  await sleep(300);
  const rate = `${stream.rate ?? RATE}`;
  const sender = world.traffic('tv', 'udp-send', stream.source, stream.target, '9000', rate);
  await sender.reaches(1_000);
  await work();
  await sleep(200);
  const sent = await sender.end();
  await sleep(100);
  return { sent, passed: await counter.end() };
}

const many = Array.from({ length: 200 }, (_, i) =>
  owner(
    `${i + 1000}`,
    [`192.168.1.${i + 40}`, `2001:db8:1::${(i + 64).toString(16)}`],
    [ads.v4, video.v6],
    [`02:00:00:00:00:${(i + 10).toString(16).padStart(2, '0')}`],
  ),
);
const ALL = blockSet([...many.slice(0, 100), TV, ...many.slice(100)]);
const STREAMS: [string, string, string][] = [
  ['IPv4', tv.v4, ads.v4],
  ['IPv6', tv.v6, ads.v6],
  ['an unknown address, by MAC', tv.newV4, ads.v4],
];

describe('a blocked stream of 20,000 packets a second', () => {
  test('passes when nothing is blocked (the control)', async () => {
    await (await open()).set(blockSet([]), signal);
    const { sent, passed } = await during({ source: tv.v4, target: ads.v4 }, () => sleep(500));
    expect(passed).toBeGreaterThan(sent * 0.5);
  });

  test.each(STREAMS)(
    '%s: nothing passes while agents restart and owners come and go',
    async (_, source, target) => {
      const backend = await open();
      await backend.set(ALL, signal);
      const { sent, passed } = await during({ source, target }, async () => {
        for (let n = 0; n < 2; n++) expect((await (await open()).set(ALL, signal)).did).toBe('resync');
        expect((await backend.set(blockSet([TV]), signal)).did).toBe('update');
        expect((await backend.set(ALL, signal)).did).toBe('update');
        expect((await backend.set(blockSet([...many.slice(50), TV]), signal)).did).toBe('update');
        expect(await backend.check(signal)).toEqual([]);
      });
      expect(sent).toBeGreaterThan(3_000);
      expect(passed).toBe(0);
    },
  );

  test.each(STREAMS)('%s: nothing passes while the backend changes, both ways', async (_, source, target) => {
    await (await open('ipset')).set(ALL, signal);
    const sets = () => world.run('router', 'ipset', 'list', '-name');
    const tables = () => world.run('router', 'nft', 'list', 'tables', 'inet');
    const { sent, passed } = await during({ source, target }, async () => {
      await (await open('nftables')).set(ALL, signal);
      expect(await sets()).toBe('');
      expect(await world.run('router', 'iptables-legacy-save')).not.toMatch(/HEDGEROW|HR-/);
      await (await open('ipset')).set(ALL, signal);
      expect(await tables()).toBe('');
    });
    expect(sent).toBeGreaterThan(3_000);
    expect(passed).toBe(0);
  });

  const blocked = (wide: Wide, remotes: string[] = [], everyone: string[] = []): BlockSet =>
    blockSet([owner('1', [tv.v4, tv.v6], remotes, [tv.mac], wide)], { everyone });
  /** Each of these blocks ads for the TV, and lets it reach the video. */
  const eitherWay: readonly BlockSet[] = [
    blocked({}, [ads.v4, ads.v6]),
    blocked({ internet: true, exceptions: [video.v4, video.v6] }),
    blocked({ networks: [`${ads.v4}/32`, '2001:db8:f::/125'] }),
    blocked({ internet: true, lan: true, exceptedNetworks: ['203.0.113.8/31', '2001:db8:f::8/128'] }),
    blocked({ exceptions: [video.v4, video.v6] }, [], [ads.v4, ads.v6, video.v4, video.v6]),
    blocked({ networks: ['0.0.0.0/0', '::/0'], exceptedNetworks: ['203.0.113.8/29', '2001:db8:f::8/125'] }),
  ];
  // Each stream meets another fifth of all pairings.
  test.each([
    ...STREAMS.map((one, i) => [...one, 0, i + 1] as const),
    ['IPv4, not blocked', tv.v4, video.v4, 1, 4] as const,
    ['IPv6, not blocked', tv.v6, video.v6, 1, 5] as const,
  ])(
    '%s, while one kind of block takes the place of another: all or nothing',
    async (_, source, target, share, apart) => {
      const backend = await open();
      await backend.set(eitherWay[0] ?? blockSet([]), signal);
      const counted = await countThrough(source, target);
      const { sent, passed } = await during({ source, target, rate: 5_000 }, async () => {
        for (const [i, first] of eitherWay.entries()) {
          await backend.set(first, signal);
          await backend.set(eitherWay[(i + apart) % eitherWay.length] ?? first, signal);
        }
        expect(await backend.check(signal)).toEqual([]);
      });
      expect(sent).toBeGreaterThan(3_000);
      const through = await counted();
      if (share === 0) expect(passed).toBe(0);
      else expect(through.out).toBe(through.in);
    },
  );

  test('what flushes everything is noticed; from the repair on nothing passes', async () => {
    const backend = await open();
    const enforcer = new Enforcer({
      backend,
      desired: () => ({ state: 'one', blockSet: blockSet([TV]) }),
      onApplied: () => undefined,
      // Checks every 20 ms instead of every 10 s.
      clock: { ...systemClock, sleep: (ms, inner) => systemClock.sleep(ms / 500, inner) },
      log: silentLog,
    });
    await enforcer.start(signal);
    enforcer.notify();
    await enforcer.settled();
    const disturbances = [
      'nft flush ruleset',
      'nft flush chain inet hedgerow on_forward',
      'nft flush chain inet hedgerow pairs6_o',
      'nft insert rule inet hedgerow out4 return',
      'nft insert rule inet hedgerow in4 accept',
      'nft flush set inet hedgerow p4',
      `nft delete element inet hedgerow p6 { ${tv.v6} . ${ads.v6} }`,
      'nft add element inet hedgerow u4 { 203.0.113.0/24 }',
      `nft add element inet hedgerow a4 { ${tv.v4} . ${ads.v4} }`,
      'nft delete table inet hedgerow',
    ];
    for (const [i, command] of disturbances.entries()) {
      await world.run('router', ...command.split(' '));
      await vi.waitFor(() => expect(enforcer.health().driftRepairs).toBe(i + 1), 10_000);
      expect(await world.ping('tv', tv.v4, ads.v4)).toBe(false);
      expect(await world.ping('tv', tv.v6, ads.v6)).toBe(false);
    }
    await enforcer.stop();
    expect(enforcer.health()).toMatchObject({ enforcing: true, failures: 0 });
  });

  /** Counts the packets between two addresses before and behind our table. */
  async function countThrough(source: string, target: string) {
    const ip = source.includes(':') ? 'ip6' : 'ip';
    for (const [chain, hook] of [
      ['before', 'prerouting'],
      ['behind', 'postrouting'],
    ]) {
      await world.run('router', 'nft', 'add table inet count');
      await world.run(
        'router',
        'nft',
        `add chain inet count ${chain} { type filter hook ${hook} priority 0; }`,
      );
      await world.run(
        'router',
        'nft',
        `add rule inet count ${chain} ${ip} saddr ${source} ${ip} daddr ${target} counter`,
      );
    }
    return async () => {
      const text = await world.run('router', 'nft', 'list table inet count');
      const [before, behind] = [...text.matchAll(/counter packets (\d+)/g)].map(([, packets]) =>
        Number(packets),
      );
      return { in: before, out: behind };
    };
  }
});

test('differences of any two block sets are taken by the kernel, and it holds what was meant', async () => {
  const backend = await open();
  await backend.set(blockSet([]), signal);
  for (const blocks of fc.sample(aBlockSet, { numRuns: 12, seed: 7 })) {
    expect((await backend.set(blocks, signal)).did).not.toBe('resync');
    expect(await backend.check(signal)).toEqual([]);
  }
  expect((await (await open()).set(ALL, signal)).did).toBe('resync');
});

test('what is not ours is not touched', async () => {
  await world.run(
    'router',
    'sh',
    '-ec',
    `nft add table inet other; nft add chain inet other c '{ type filter hook forward priority -20; }'
    nft add rule inet other c counter accept
    nft add table ip hedgerow; nft add chain ip hedgerow on_forward
    ipset create mine hash:ip; iptables-legacy -A FORWARD -j ACCEPT; iptables-nft -A FORWARD -j ACCEPT`,
  );
  const dump = async (): Promise<string> => {
    const script = 'nft -s list ruleset; ipset save; iptables-legacy-save | grep -v "^#"';
    return (await world.run('router', 'sh', '-ec', script)).replace(/ (initval \S+|\[[\d:]+\])/g, '');
  };
  // Reading a legacy table makes it: have it made.
  await dump();
  const before = await dump();
  const backend = await open();
  await backend.set(blockSet([TV]), signal);
  // Somebody accepts before us: our drop is final all the same.
  expect(await world.ping('tv', tv.v4, ads.v4)).toBe(false);
  expect((await dump()).replace(/table inet hedgerow \{[\s\S]*?\n\}\n/, '')).toBe(before);
  await backend.set(blockSet([]), signal);
  await backend.clear(signal);
  expect(await dump()).toBe(before);
});

test('a wrong mirror, a dead session and a missing table end in a resync, not in an error', async () => {
  const backend = await open();
  await backend.set(blockSet([TV]), signal);
  await world.run('router', 'nft', 'delete', 'table', 'inet', 'hedgerow');
  const both = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4], [tv.mac]);
  expect((await backend.set(blockSet([both]), signal)).did).toBe('resync');
  expect(await world.ping('tv', tv.v4, video.v4)).toBe(false);
  expect((await backend.set(blockSet([TV]), signal)).did).toBe('update');
  await world.run('router', 'nft', 'flush', 'set', 'inet', 'hedgerow', 'p4');
  const nothing = owner('1', [tv.v4, tv.v6], [], [tv.mac]);
  expect((await backend.set(blockSet([nothing]), signal)).did).toBe('resync');
  await backend.stop();
  expect((await backend.set(blockSet([TV]), signal)).did).toBe('update');
  expect(await backend.check(signal)).toEqual([]);
});

test('counters go on over a restart and over repairs, and begin anew with an entry', async () => {
  const backend = await open();
  await backend.set(blockSet([TV]), signal);
  await world.ping('tv', tv.v4, ads.v4);
  const next = await open();
  await next.set(blockSet([TV]), signal);
  await world.ping('tv', tv.v4, ads.v4);
  await world.ping('tv', tv.newV4, ads.v4);
  expect(await next.counters(signal)).toMatchObject([{ owner: TV.id, remote: ads.v4, packets: 3 }]);
  await next.set(blockSet([]), signal);
  expect(await next.counters(signal)).toEqual([]);
  await next.set(blockSet([TV]), signal);
  expect(await next.counters(signal)).toEqual([]);
  await world.ping('tv', tv.v4, ads.v4);
  expect(await next.counters(signal)).toMatchObject([{ packets: 1 }]);
});

test('a plan file puts the last table in force without an agent, and leaves one that is at work alone', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hedgerow-plan-'));
  try {
    const path = join(directory, 'plan');
    const file = new PlanFile({ path, clock: systemClock, log: silentLog });
    const backend = await open();
    await backend.set(blockSet([TV]), signal);
    file.keep('one', () => backend.plan());
    await file.flush();
    const listed = () => world.run('router', 'nft', '-a', 'list', 'table', 'inet', 'hedgerow');
    const before = await listed();
    await restorePlan(path, world.router, signal);
    expect(await listed()).toBe(before);
    await backend.clear(signal);
    expect(await world.ping('tv', tv.v4, ads.v4)).toBe(true);
    await restorePlan(path, world.router, signal);
    for (const source of [tv.v4, tv.newV4]) expect(await world.ping('tv', source, ads.v4)).toBe(false);
    expect(await world.ping('tv', tv.v6, ads.v6)).toBe(false);
    expect(await world.ping('tv', tv.v4, video.v4)).toBe(true);
    // A table that somebody has emptied is none that is at work.
    await world.run('router', 'nft', 'flush', 'table', 'inet', 'hedgerow');
    await restorePlan(path, world.router, signal);
    expect(await world.ping('tv', tv.v4, ads.v4)).toBe(false);
  } finally {
    await rm(directory, { recursive: true });
  }
});

describe('choosing', () => {
  const withoutTools = (...missing: string[]): Exec => {
    const run: Exec['run'] = async (argv, options) => {
      const command = argv[0] ?? '';
      if (missing.some((one) => command.startsWith(one))) return createExec().run([`no-${command}`], options);
      return world.router.run(argv, options);
    };
    return { run, open: (argv, inner, options) => world.router.open(argv, inner, options) };
  };
  const choose = (exec: Exec) =>
    chooseBackend('auto', { exec, clock: systemClock, log: silentLog, slots, wan: [] }, signal);

  test('nftables where ipset or iptables is missing, with the reason, and nothing is left behind', async () => {
    for (const missing of ['ipset', 'ip']) {
      const choice = await choose(withoutTools(missing, 'ip6'));
      if (choice.role !== 'enforcer') throw new Error(choice.reason);
      expect(choice.backend.name).toBe('nftables');
      expect(choice.backend.describe().detail).toContain('is not installed');
    }
    expect(await world.run('router', 'nft', 'list', 'tables', 'inet')).toBe('');
  });

  test('without any of them the agent is an observer, with both reasons', async () => {
    const choice = await choose(withoutTools('ipset', 'nft'));
    expect(choice).toMatchObject({ role: 'observer', reason: expect.stringMatching(/ipset.*nft/) });
  });
});
