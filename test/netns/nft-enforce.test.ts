import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Enforcer } from '../../src/local/enforce/enforcer.ts';
import { PlanFile } from '../../src/local/enforce/plan-file.ts';
import { restorePlan } from '../../src/local/enforce/plan-restore.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createExec, type Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { aBlockSet } from '../unit/local/enforce/small-world.ts';
import { during, open, signal, slots, theWorld } from './nft-world.ts';

const { tv, ads, video } = names;
const TV = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
const ping = (source: string, remote: string): Promise<boolean> => theWorld().ping('tv', source, remote);
const run = (...argv: string[]): Promise<string> => theWorld().run('router', ...argv);

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
    await run(...command.split(' '));
    await vi.waitFor(() => expect(enforcer.health().driftRepairs).toBe(i + 1), 10_000);
    expect(await Promise.all([ping(tv.v4, ads.v4), ping(tv.v6, ads.v6)])).toEqual([false, false]);
  }
  await enforcer.stop();
  expect(enforcer.health()).toMatchObject({ enforcing: true, failures: 0 });
});

test('differences of any two block sets are taken by the kernel, and it holds what was meant', async () => {
  const backend = await open();
  await backend.set(blockSet([]), signal);
  for (const blocks of fc.sample(aBlockSet, { numRuns: 8, seed: 7 })) {
    expect((await backend.set(blocks, signal)).did).not.toBe('resync');
    expect(await backend.check(signal)).toEqual([]);
  }
  expect((await (await open()).set(blockSet([TV]), signal)).did).toBe('resync');
});

test('what is not ours is not touched', async () => {
  await run(
    'sh',
    '-ec',
    `nft add table inet other; nft add chain inet other c '{ type filter hook forward priority -20; }'
    nft add rule inet other c counter accept
    nft add table ip hedgerow; nft add chain ip hedgerow on_forward
    ipset create mine hash:ip; iptables-legacy -A FORWARD -j ACCEPT; iptables-nft -A FORWARD -j ACCEPT`,
  );
  const dump = async (): Promise<string> => {
    const script = 'nft -s list ruleset; ipset save; iptables-legacy-save | grep -v "^#"';
    return (await run('sh', '-ec', script)).replace(/ (initval \S+|\[[\d:]+\])/g, '');
  };
  // Reading a legacy table makes it: have it made.
  await dump();
  const before = await dump();
  const backend = await open();
  await backend.set(blockSet([TV]), signal);
  // Somebody accepts before us: our drop is final all the same.
  expect(await ping(tv.v4, ads.v4)).toBe(false);
  expect((await dump()).replace(/table (inet|bridge) hedgerow \{[\s\S]*?\n\}\n/g, '')).toBe(before);
  await backend.set(blockSet([]), signal);
  await backend.clear(signal);
  expect(await dump()).toBe(before);
});

test('a wrong mirror, a dead session and a missing table end in a resync, not in an error', async () => {
  const backend = await open();
  await backend.set(blockSet([TV]), signal);
  await run('nft', 'delete', 'table', 'inet', 'hedgerow');
  const both = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4], [tv.mac]);
  expect((await backend.set(blockSet([both]), signal)).did).toBe('resync');
  expect(await ping(tv.v4, video.v4)).toBe(false);
  expect((await backend.set(blockSet([TV]), signal)).did).toBe('update');
  await run('nft', 'flush', 'set', 'inet', 'hedgerow', 'p4');
  const nothing = owner('1', [tv.v4, tv.v6], [], [tv.mac]);
  expect((await backend.set(blockSet([nothing]), signal)).did).toBe('resync');
  await backend.stop();
  expect((await backend.set(blockSet([TV]), signal)).did).toBe('update');
  expect(await backend.check(signal)).toEqual([]);
});

test('counters go on over a restart and over repairs, and begin anew with an entry', async () => {
  const backend = await open();
  await backend.set(blockSet([TV]), signal);
  await ping(tv.v4, ads.v4);
  const next = await open();
  await next.set(blockSet([TV]), signal);
  await ping(tv.v4, ads.v4);
  await ping(tv.newV4, ads.v4);
  expect(await next.counters(signal)).toMatchObject([{ owner: TV.id, remote: ads.v4, packets: 3 }]);
  await next.set(blockSet([]), signal);
  expect(await next.counters(signal)).toEqual([]);
  await next.set(blockSet([TV]), signal);
  expect(await next.counters(signal)).toEqual([]);
  await ping(tv.v4, ads.v4);
  expect(await next.counters(signal)).toMatchObject([{ packets: 1 }]);
});

test('each dropped packet is counted, also while the table is replaced by another', async () => {
  const backend = await open();
  await backend.set(blockSet([TV]), signal);
  await run(
    'nft',
    `add table inet count; add chain inet count c { type filter hook prerouting priority 0; };
    add rule inet count c udp dport 9000 counter`,
  );
  await during([[tv.v4, ads.v4]], 5_000, async () => {
    // The home changes: the table is made anew.
    for (let n = 0; n < 4; n++)
      expect((await backend.set(blockSet([TV], { home: [`10.${n}.0.0/16`] }), signal)).did).toBe('update');
  });
  const [, came] = /counter packets (\d+)/.exec(await run('nft', 'list table inet count')) ?? [];
  const packets = Number(came);
  expect(packets).toBeGreaterThan(1_000);
  expect(await backend.counters(signal)).toMatchObject([{ remote: ads.v4, packets }]);
  // What a copy has counted is in the kernel from the next table on, and goes with its entry.
  await backend.set(blockSet([TV], { home: ['10.9.0.0/16'] }), signal);
  expect(await backend.counters(signal)).toMatchObject([{ remote: ads.v4, packets }]);
  const next = await open();
  await next.set(blockSet([TV]), signal);
  expect(await next.counters(signal)).toMatchObject([{ remote: ads.v4, packets }]);
  await next.set(blockSet([]), signal);
  expect(await next.counters(signal)).toEqual([]);
});

test('a plan file puts the last table in force without an agent, and leaves one that is at work alone', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hedgerow-plan-'));
  try {
    const path = join(directory, 'plan');
    const file = new PlanFile({ path, clock: systemClock, log: silentLog });
    const backend = await open();
    await backend.set(blockSet([TV]), signal);
    file.keep('one', backend.plan());
    await file.flush();
    const listed = () => run('nft', '-a', 'list', 'table', 'inet', 'hedgerow');
    const before = await listed();
    await restorePlan(path, theWorld().router, signal);
    expect(await listed()).toBe(before);
    await backend.clear(signal);
    expect(await ping(tv.v4, ads.v4)).toBe(true);
    await restorePlan(path, theWorld().router, signal);
    for (const source of [tv.v4, tv.newV4]) expect(await ping(source, ads.v4)).toBe(false);
    expect(await ping(tv.v6, ads.v6)).toBe(false);
    expect(await ping(tv.v4, video.v4)).toBe(true);
    // A table that somebody has emptied is none that is at work.
    await run('nft', 'flush', 'table', 'inet', 'hedgerow');
    await restorePlan(path, theWorld().router, signal);
    expect(await ping(tv.v4, ads.v4)).toBe(false);
  } finally {
    await rm(directory, { recursive: true });
  }
});

describe('choosing', () => {
  const withoutTools = (...missing: string[]): Exec => {
    const run: Exec['run'] = async (argv, options) => {
      const command = argv[0] ?? '';
      if (missing.some((one) => command.startsWith(one))) return createExec().run([`no-${command}`], options);
      return theWorld().router.run(argv, options);
    };
    return { run, open: (argv, inner, options) => theWorld().router.open(argv, inner, options) };
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
    expect(await run('nft', 'list', 'tables', 'inet')).toBe('');
  });

  test('without any of them the agent is an observer, with both reasons', async () => {
    const choice = await choose(withoutTools('ipset', 'nft'));
    expect(choice).toMatchObject({ role: 'observer', reason: expect.stringMatching(/ipset.*nft/) });
  });
});
