import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import { DriftWatch } from '../../src/local/enforce/drift-watch.ts';
import { Enforcer } from '../../src/local/enforce/enforcer.ts';
import { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../../src/local/enforce/iptables.ts';
import { NftBackend } from '../../src/local/enforce/nft/nft-backend.ts';
import { OwnChildren } from '../../src/local/enforce/own-children.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import type { Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { createWorld, sleep, type World } from './enforce-world.ts';

const { tv, ads, video } = names;
const { signal } = new AbortController();
const one = blockSet([owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac])]);
const other = blockSet([owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4], [tv.mac])]);
type Kind = 'nftables' | 'ipset, iptables-nft' | 'ipset, iptables-legacy';

/** Nothing is found by the check every 10 s: it never comes. */
const unchecked: Clock = {
  ...systemClock,
  sleep: (ms, inner) => systemClock.sleep(ms > 5_000 ? 3_600_000 : ms, inner),
};
/** The check comes every 100 ms. */
const hasty: Clock = { ...systemClock, sleep: (ms, inner) => systemClock.sleep(ms / 100, inner) };

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const CLEAN = `nft flush ruleset; ipset destroy
  for t in iptables-legacy ip6tables-legacy; do for k in mangle filter; do $t -t $k -F; $t -t $k -X; done; done`;

let running: { enforcer: Enforcer; backend: Backend } | undefined;
afterEach(async () => {
  await running?.enforcer.stop();
  await running?.backend.clear(signal);
  await running?.backend.stop();
  running = undefined;
  await shell(CLEAN);
});

const shell = (script: string): Promise<string> => world.run('router', 'sh', '-ec', script);
const doing = (enforcer: Enforcer, n: number) =>
  vi.waitFor(() => expect(enforcer.health().driftRepairs).toBe(n), 10_000);

const nothingPasses = async () =>
  expect(await Promise.all([world.ping('tv', tv.v4, ads.v4), world.ping('tv', tv.v6, ads.v6)])).toEqual([
    false,
    false,
  ]);

/** Foreign rules and sets of each kind, as there may be on a router. */
const FOREIGN = `
  nft add table inet other
  nft add chain inet other c '{ type filter hook forward priority -20; }'
  nft add set inet other mine '{ type ipv4_addr; }'
  nft add element inet other mine '{ 192.0.2.1 }'
  nft add rule inet other c ip saddr @mine accept
  nft add table ip hedgerow
  for t in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
    $t -t mangle -N MINE; $t -t mangle -A MINE -j RETURN; $t -t mangle -A FORWARD -j MINE; $t -A FORWARD -p tcp -j ACCEPT
  done
  ipset create hedge-fund hash:ip; ipset add hedge-fund 192.0.2.1`;
const NOT_OURS = `
  for t in iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do $t-save; done 2>/dev/null |
    grep -E '^(-A|:MINE)' | grep -v -e HEDGEROW -e HR-
  ipset save | grep -v -E ' hedge-(tmp-)?(ack|[A-Za-z]+[0-9]*-[46])( |$)' | sed 's/ initval [^ ]*//'
  nft list tables | grep -v -E 'inet hedgerow|ip6? mangle' || true
  nft -s list table inet other 2>/dev/null || true`;

async function start(kind: Kind, clock: Clock, exec: Exec = world.router) {
  const own = new OwnChildren(exec);
  const options = { exec: own, clock: systemClock, log: silentLog, wan: ['wan0'] };
  const iptables = new Iptables(own, kind === 'ipset, iptables-legacy' ? 'legacy' : 'nft');
  const backend: Backend =
    kind === 'nftables'
      ? new NftBackend({ ...options, why: 'a test' })
      : new IpsetBackend({ ...options, iptables, slots: createSlotMemory() });
  const told = backend.told?.();
  if (told === undefined) throw new Error(`${kind} is told of nothing`);
  const watch = new DriftWatch({
    exec,
    clock,
    log: silentLog,
    told,
    isOurs: (pid) => own.has(pid),
    comparesEvery: () => 1,
  });
  const desired: { state: string; blockSet: BlockSet } = { state: 'one', blockSet: one };
  const enforcer = new Enforcer({
    backend,
    desired: () => desired,
    onApplied: () => undefined,
    clock,
    log: silentLog,
    watch,
  });
  running = { enforcer, backend };
  await enforcer.start(signal);
  enforcer.notify();
  await enforcer.settled();
  return { enforcer, backend, watch, desired };
}

/** The monitor has begun to listen once it has told of something. */
async function listening(watch: DriftWatch): Promise<void> {
  await vi.waitFor(async () => {
    await shell('nft add table inet passing; nft delete table inet passing');
    await sleep(50);
    expect(watch.counters.changes).toBeGreaterThan(0);
  }, 20_000);
  // What is still to come of that is no news later.
  await sleep(200);
}

const RELOADED = `{ echo flush ruleset; echo 'table inet fw { chain f { type filter hook forward priority 0; accept; }; }'; } | nft -f -`;
const RESTORED = `printf '*mangle\\n-A FORWARD -j ACCEPT\\nCOMMIT\\n' | iptables-nft-restore`;

describe.each<[Kind, string, string[]]>([
  [
    'nftables',
    'nft monitor',
    [
      'nft flush chain inet hedgerow on_forward',
      'nft insert rule inet hedgerow out4 return',
      'nft flush set inet hedgerow p4',
      `nft delete element inet hedgerow p6 '{ ${tv.v6} . ${ads.v6} }'`,
      RELOADED,
    ],
  ],
  [
    'ipset, iptables-nft',
    'xtables-monitor',
    [
      'iptables-nft -t mangle -F',
      'ip6tables-nft -t mangle -I FORWARD 1 -j ACCEPT',
      RESTORED,
      'nft flush table ip6 mangle',
      RELOADED,
    ],
  ],
])('%s, of which the kernel tells', (kind, by, disturbances) => {
  test('what others do is noticed when it happens, put right, counted and told; what is not ours is left as it was', async () => {
    await shell(FOREIGN);
    // Reading a table of iptables makes it.
    await shell(NOT_OURS);
    const before = await shell(NOT_OURS);
    const { enforcer, backend, watch, desired } = await start(kind, unchecked);
    await listening(watch);
    expect(enforcer.health().noticing).toContain(`at once (${by})`);
    expect(await shell(NOT_OURS)).toBe(before);
    desired.blockSet = other;
    enforcer.notify();
    await enforcer.settled();
    expect(await shell(NOT_OURS)).toBe(before);
    for (const [i, disturbance] of disturbances.entries()) {
      // Before the news of it can come, so that it is the state that the repair finds.
      const left = await shell(`${disturbance}; ${NOT_OURS}`);
      await doing(enforcer, i + 1);
      await nothingPasses();
      expect(await shell(NOT_OURS)).toBe(left);
    }
    expect(enforcer.health()).toMatchObject({ failures: 0, lastDrift: { what: expect.any(String) } });
    const after = await shell(NOT_OURS);
    await backend.clear(signal);
    expect(await shell(NOT_OURS)).toBe(after);
  });

  test('our own changes are no news, and a flood of changes elsewhere costs no look', async () => {
    const { enforcer, watch, desired } = await start(kind, unchecked);
    await listening(watch);
    const { foreign, changes } = watch.counters;
    for (let n = 0; n < 20; n++) {
      desired.blockSet = n % 2 === 0 ? other : one;
      enforcer.notify();
      await enforcer.settled();
    }
    await shell(`nft add table inet busy; nft add set inet busy s '{ type ipv4_addr; }'
      for i in $(seq 200); do echo "add element inet busy s { 10.0.0.$i }"; done | nft -i >/dev/null`);
    await vi.waitFor(() => expect(watch.counters.changes).toBeGreaterThan(changes + 200), 10_000);
    expect(watch.counters.foreign).toBe(foreign);
    expect(enforcer.health()).toMatchObject({ driftRepairs: 0, failures: 0 });
  });
});

describe('what nobody tells', () => {
  test('is found by looking, another element in the place of one of ours too', async () => {
    await shell(FOREIGN);
    await shell(NOT_OURS);
    const { enforcer } = await start('ipset, iptables-legacy', hasty);
    expect(enforcer.health().noticing).toBe('within 10 s (the kernel tells nobody)');
    const disturbances = [
      'iptables-legacy -t mangle -F',
      `printf '*mangle\\n-A FORWARD -j ACCEPT\\nCOMMIT\\n' | iptables-legacy-restore`,
      'ipset flush',
      `ipset swap hedge-r0-4 hedge-d0-4`,
      `ipset del hedge-r0-4 ${ads.v4}; ipset add hedge-r0-4 ${video.v4}`,
      `ipset del hedge-K-6 ${tv.v6} || true; ipset add hedge-U-6 ${ads.v6}`,
    ];
    for (const [i, disturbance] of disturbances.entries()) {
      const left = await shell(`${disturbance}; ${NOT_OURS}`);
      await doing(enforcer, i + 1);
      await nothingPasses();
      expect(await shell(NOT_OURS)).toBe(left);
    }
    // Each alone: whoever finds one puts all right.
    for (const [i, disturbance] of [
      `ipset del hedge-r0-4 ${ads.v4}`,
      'ipset flush hedge-R-6',
      `ipset add hedge-U-4 ${ads.v4}`,
      'iptables-legacy -t mangle -D FORWARD -j HEDGEROW',
      'ip6tables-legacy -t mangle -D HR-Od0 1',
      'iptables-legacy -t mangle -R HR-Od0 2 -j RETURN',
      'iptables-legacy -t mangle -I HEDGEROW 1 -j RETURN',
    ].entries()) {
      await shell(disturbance);
      await doing(enforcer, disturbances.length + i + 1);
    }
    await nothingPasses();
  });

  test('where comparing elements is quick each look does', async () => {
    const clock: Clock = { ...systemClock, monotonic: () => 0 };
    const iptables = new Iptables(world.router, 'legacy');
    const options = { exec: world.router, clock, log: silentLog, wan: ['wan0'] };
    const backend = new IpsetBackend({ ...options, iptables, slots: createSlotMemory() });
    for (const n of [1, 2]) {
      await backend.set(one, signal);
      expect(await backend.check(signal)).toEqual([]);
      await shell(`ipset del hedge-r0-4 ${ads.v4}; ipset add hedge-r0-4 203.0.113.10${n}`);
      expect(await backend.check(signal)).toEqual([
        { what: 'set', name: 'hedge-r0-4', detail: 'other elements' },
      ]);
    }
    await backend.clear(signal);
    await backend.stop();
  });

  test('where no monitor is installed it is found by looking, and said so', async () => {
    const run: Exec['run'] = (argv, options) =>
      world.router.run(argv[0] === 'stdbuf' || argv[1] === '--version' ? ['none'] : argv, options);
    const without = { run, open: world.router.open };
    const { enforcer } = await start('nftables', hasty, without);
    await shell('nft flush ruleset');
    await doing(enforcer, 1);
    expect(enforcer.health().noticing).toBe('within 10 s (there is no nft monitor)');
  });
});
