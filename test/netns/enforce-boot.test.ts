import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { Iptables } from '../../src/local/enforce/iptables.ts';
import { NftBackend } from '../../src/local/enforce/nft/nft-backend.ts';
import { PlanFile } from '../../src/local/enforce/plan-file.ts';
import { restorePlan } from '../../src/local/enforce/plan-restore.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import type { Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import { world as names } from '../contract/backend.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { createWorld, type World } from './enforce-world.ts';

const { tv, console: other, ads, video } = names;
const { signal } = new AbortController();
type Kind = 'ipset' | 'ipset-nft' | 'nftables';

/** So many remotes of each family that all that is done otherwise for many is done. */
const MANY = 5_100;
const remotes = Array.from({ length: MANY }, (_, n) => [
  `198.18.${n >> 8}.${n & 255}`,
  `2001:db8:bbbb::1:${(n + 1).toString(16)}`,
]).flat();
const blocking = (...more: readonly string[]) =>
  owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, ...more], [tv.mac], { exceptions: [video.v4] });
const LARGE = blockSet([blocking(...remotes)]);
const SMALL = blockSet([blocking()]);

let world: World;
let directory: string;
const opened: Backend[] = [];
beforeAll(async () => {
  world = await createWorld();
  directory = await mkdtemp(join(tmpdir(), 'hedgerow-boot-'));
});
beforeEach(async () => {
  for (const backend of opened.splice(0)) await backend.stop();
  await world.reset();
});
afterAll(async () => {
  for (const backend of opened) await backend.stop();
  await world?.close();
  await rm(directory, { recursive: true });
});

function open(kind: Kind, exec: Exec = world.router): Backend {
  const options = { exec, clock: systemClock, log: silentLog, wan: ['wan0'] };
  const iptables = new Iptables(exec, kind === 'ipset-nft' ? 'nft' : 'legacy');
  const backend =
    kind === 'nftables'
      ? new NftBackend({ ...options, why: 'a test' })
      : new IpsetBackend({ ...options, iptables, slots: createSlotMemory() });
  opened.push(backend);
  return backend;
}

/** What our tables and sets hold, whatever order the kernel has it in, and however much room there is in them. */
async function held(kind: Kind): Promise<string> {
  const script =
    kind === 'nftables'
      ? 'nft list table inet hedgerow | tr ",{}" "\\n\\n\\n" | sed "s/^[ \\t]*//; s/[ \\t]*$//; /^size /d"'
      : `ipset save | grep -v hedge-ack | sed "s/ hashsize [0-9]*//; s/ initval [^ ]*//; s/ packets .*//"
         for tool in iptables ip6tables; do $tool-${kind === 'ipset' ? 'legacy' : 'nft'}-save -t mangle | grep -v '^[:#]'; done`;
  const text = await world.run('router', 'sh', '-ec', script);
  return text.split('\n').sort().join('\n');
}

const reached = async (): Promise<readonly boolean[]> => [
  await world.ping('tv', tv.v4, ads.v4),
  await world.ping('tv', tv.newV4, ads.v4),
  await world.ping('tv', tv.v6, ads.v6),
  await world.ping('tv', tv.v4, video.v4),
];
const OPEN = [true, true, true, true];
const BLOCKED = [false, false, false, true];

async function planOf(backend: Backend, name: string): Promise<string> {
  const path = join(directory, name);
  const file = new PlanFile({ path, clock: systemClock, log: silentLog });
  file.keep('one', backend.plan());
  await file.flush();
  expect(file.failures).toBe(0);
  return path;
}

const changes = (argv: readonly string[]): boolean => /restore|-f -/.test(argv.join(' '));

/** Commands that change something, until one of them is cut short and all that follow it fail, as when the power goes. */
function dying(after: number): Exec & { readonly ran: () => number } {
  let ran = 0;
  return {
    ran: () => ran,
    open: world.router.open,
    async run(argv, options = {}) {
      if (!changes(argv)) return world.router.run(argv, options);
      ran += 1;
      if (ran < after) return world.router.run(argv, options);
      const { input = '' } = options;
      const half = input.slice(0, input.lastIndexOf('\n', input.length / 2) + 1);
      // A transaction that was not read to its end is none.
      if (ran === after && argv.includes('ipset')) await world.router.run(argv, { ...options, input: half });
      throw new Error('the power has gone');
    },
  };
}

describe.each(['ipset', 'nftables'] as const)('%s: a restore of a large plan', (kind) => {
  test('holds what the agent held; whatever it dies of, nothing or all is in force, and the next one copes', async () => {
    const agent = open(kind);
    await agent.set(LARGE, signal);
    const before = await held(kind);
    expect(before.split('\n').length).toBeGreaterThan(4 * MANY);
    const path = await planOf(agent, kind);
    await agent.clear(signal);
    expect(await reached()).toEqual(OPEN);
    const whole = dying(Number.POSITIVE_INFINITY);
    await restorePlan(path, whole, signal);
    expect(await held(kind)).toBe(before);
    expect(await reached()).toEqual(BLOCKED);
    const steps = whole.ran();
    // More than the one that it takes for few.
    expect(steps).toBeGreaterThan(kind === 'ipset' ? 3 : 2);

    for (let after = 1; after <= steps; after++) {
      await world.reset();
      await expect(restorePlan(path, dying(after), signal), `${after}`).rejects.toThrow('the power has gone');
      // The last ones of ipset are the two families' chains.
      const hooked = kind === 'ipset' && after === steps;
      if (!hooked) expect(await reached(), `${after}`).toEqual(OPEN);
      if (after % 3 === 0) {
        // An agent comes first.
        const next = open(kind);
        expect((await next.set(LARGE, signal)).did).toBe('resync');
        expect(await next.check(signal, true)).toEqual([]);
      } else await restorePlan(path, world.router, signal);
      expect(await held(kind), `${after}`).toBe(before);
      expect(await reached(), `${after}`).toEqual(BLOCKED);
    }
  });
});

test.each(['ipset', 'nftables'] as const)(
  '%s: what the files hold after each change is what the kernel held then',
  async (kind) => {
    const agent = open(kind);
    const folder = await mkdtemp(join(directory, `changes-${kind}-`));
    // However slow the disk is, it is waited for.
    const file = new PlanFile({ path: join(folder, 'plan'), clock: new FakeClock(), log: silentLog });
    const second = owner('2', [other.v4, other.v6], [ads.v4], [other.mac], { lan: true });
    const wants = [
      blockSet([blocking()]),
      blockSet([blocking('203.0.113.99', '2001:db8:ffff::99')]),
      blockSet([blocking('203.0.113.99'), second], { everyone: [video.v6], known: [tv.newV4] }),
      blockSet([second]),
      blockSet([blocking()]),
    ];
    const then: string[] = [];
    for (const [n, want] of wants.entries()) {
      await agent.set(want, signal);
      await file.keep(`${n}`, agent.plan());
      await cp(folder, `${folder}-${n}`, { recursive: true });
      then.push(await held(kind));
    }
    await file.flush();
    for (const [n, before] of then.entries()) {
      await world.reset();
      const { changes, torn } = await restorePlan(join(`${folder}-${n}`, 'plan'), world.router, signal);
      expect([changes, torn]).toEqual([n, undefined]);
      expect(await held(kind), `${n}`).toBe(before);
    }
    expect(await reached()).toEqual(BLOCKED);
  },
);

test('sets that have grown, or that began with room for many, are the same sets to a resync', async () => {
  const agent = open('ipset');
  await agent.set(SMALL, signal);
  await agent.set(LARGE, signal);
  expect(await world.ping('tv', tv.v4, ads.v4)).toBe(false);
  const grown = open('ipset');
  expect((await grown.set(LARGE, signal)).did).toBe('resync');
  expect(await grown.check(signal, true)).toEqual([]);
  await grown.clear(signal);
  const roomy = open('ipset');
  await roomy.set(LARGE, signal);
  const header = (await world.run('router', 'ipset', 'list', '-t', 'hedge-R-4')).split('\n')[3];
  expect(header).toContain('hashsize 4096');
  expect(await world.ping('tv', tv.v4, ads.v4)).toBe(false);
  const next = open('ipset');
  expect((await next.set(SMALL, signal)).did).toBe('resync');
  expect(await next.check(signal, true)).toEqual([]);
});

describe.each(['ipset', 'ipset-nft'] as const)('%s: iptables-restore is kept open', (kind) => {
  const table = kind === 'ipset' ? 'iptables-legacy' : 'iptables-nft';
  const CONSOLE = owner('2', [other.v4, other.v6], [ads.v4], [other.mac]);
  const MORE = blockSet([blocking(), CONSOLE]);
  const spawned: string[] = [];
  const counting = (): Exec => ({
    open: world.router.open,
    run: (argv, options) => {
      if (/tables.*restore/.test(argv.join(' '))) spawned.push(argv.join(' '));
      return world.router.run(argv, options);
    },
  });

  test('for new chains; others change the table meanwhile, and it does not matter if it is killed', async () => {
    const agent = open(kind, counting());
    await agent.set(SMALL, signal);
    spawned.length = 0;
    expect(await world.ping('console', other.v4, ads.v4)).toBe(true);
    expect((await agent.set(MORE, signal)).did).toBe('update');
    expect(await world.ping('console', other.v4, ads.v4)).toBe(false);
    // It has no lock: this waits for one no longer than 1 s.
    await world.run('router', table, '-w', '1', '-t', 'mangle', '-A', 'FORWARD', '-s', '192.0.2.77');
    expect((await agent.set(blockSet([blocking()]), signal)).did).toBe('update');
    expect(spawned).toEqual([]);
    // Its chains and sets go: with iptables-nft that takes a command that ends.
    expect((await agent.set(blockSet([CONSOLE]), signal)).did).toBe('update');
    const ended = spawned.length;
    expect(ended > 0).toBe(kind === 'ipset-nft');
    expect((await agent.set(MORE, signal)).did).toBe('update');
    expect(spawned).toHaveLength(ended);
    expect(await world.run('router', `${table}-save`, '-t', 'mangle')).toContain('-s 192.0.2.77');
    expect(await agent.check(signal, true)).toEqual([]);

    const pids = (await world.run('router', 'ip', 'netns', 'pids', world.namespace('router'))).trim();
    const kept = `for p in ${pids.replaceAll('\n', ' ')}; do
      tr '\\0' ' ' < /proc/$p/cmdline 2>/dev/null | grep -q 'tables-.*restore.* -v' && echo $p; done; true`;
    const found = (await world.run('router', 'sh', '-c', kept)).trim().split('\n');
    expect(found).toHaveLength(2);
    await world.run('router', 'kill', '-9', ...found);
    const third = owner('3', ['192.168.1.77'], [ads.v4], ['02:00:00:00:00:77']);
    expect((await agent.set(blockSet([blocking(), CONSOLE, third]), signal)).did).toBe('update');
    expect(await agent.check(signal, true)).toEqual([]);
  });
});
