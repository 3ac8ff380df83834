import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import { Enforcer } from '../../src/local/enforce/enforcer.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import type { Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { BrokenTools } from './broken-tools.ts';
import { createWorld, type World } from './enforce-world.ts';

const { tv, ads, video } = names;
const { signal } = new AbortController();
const blocking = (...remotes: string[]) =>
  blockSet([owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, ...remotes], [tv.mac])]);
const [ONE, MORE] = [blocking(), blocking(video.v4)];
/** Deadlines and retries of seconds pass in tenths of them. */
const quick: Clock = { ...systemClock, after: (ms, work) => systemClock.after(ms / 20, work) };

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
beforeEach(() => world.reset());
afterAll(() => world?.close());

/** What a broken tool does, as a shell script, and what the enforcer must say of it. */
const BREAKAGES: readonly (readonly [what: string, script: string, told: RegExp])[] = [
  ['lacks the right', 'echo "Operation not permitted" >&2; exit 1', /not permitted.*CAP_NET_ADMIN/],
  ['finds the set full', 'echo "Hash is full, cannot add more elements" >&2; exit 1', /full.*block fewer/],
  ['gets no memory', 'echo "Cannot allocate memory" >&2; exit 1', /memory.*block fewer/],
  ['does not get the lock', 'echo "Another app is currently holding the xtables lock." >&2; exit 4', /lock/],
  ['hangs', 'exec sleep 60', /timed out.*hangs/],
  ['dies in the middle of a line', 'printf "Name: hedge-L"; kill -9 $$', /signal|terminated|KILL/i],
  ['says a megabyte without a newline', 'head -c 1000000 /dev/zero | tr "\\0" x >&2; exit 1', /xxx/],
  ['says rubbish and that all is well', 'cat > /dev/null; head -c 100000 /dev/urandom', /./],
  ['floods', 'yes >&2', /y y y/],
  ['says that all is well and does nothing', 'cat > /dev/null', /./],
  ['is missing', 'exec /nowhere/tool', /installed/],
  ['does not know what it is asked', 'echo "unknown option \\"--noflush\\"" >&2; exit 2', /unknown option/],
];

test.each(['ipset', 'nftables'] as const)(
  '%s: whatever its tools do, what is blocked stays blocked, and the newest is in force soon after they work again',
  async (kind) => {
    const tools = new BrokenTools(world.router);
    const options = { exec: tools, clock: quick, log: silentLog, slots: createSlotMemory(), wan: ['wan0'] };
    const choice = await chooseBackend(kind, options, signal);
    if (choice.role !== 'enforcer') throw new Error(choice.reason);
    let want = ONE;
    const enforcer = new Enforcer({
      backend: choice.backend,
      desired: () => ({ state: 'one', blockSet: want }),
      onApplied: () => undefined,
      clock: quick,
      log: silentLog,
    });
    await enforcer.start(signal);
    const enforced = () => vi.waitFor(() => expect(enforcer.health().enforcing).toBe(true), 20_000);
    enforcer.notify();
    await enforced();
    const counter = world.traffic('net', 'udp-count', '9000');
    await counter.tells();
    const sources = [tv.v4, tv.v6, tv.newV4].join();
    const sender = world.traffic('tv', 'udp-send', sources, [ads.v4, ads.v6, ads.v4].join(), '9000', '2000');
    await sender.reaches(100);

    for (const [what, script, told] of BREAKAGES) {
      tools.behave(script);
      want = want === ONE ? MORE : ONE;
      enforcer.notify();
      await vi.waitFor(() => expect(enforcer.health().enforcing, what).toBe(false), 20_000);
      const { lastError } = enforcer.health();
      expect(lastError, what).toMatch(told);
      expect(lastError?.length, what).toBeLessThan(600);
      expect(lastError, what).toMatch(/^[\x20-\x7e]+$/);
      tools.behave(undefined);
      await enforced();
      expect(await world.ping('tv', tv.v4, video.v4), what).toBe(want === ONE);
    }
    expect(await sender.end()).toBeGreaterThan(1_000);
    expect(await counter.end()).toBe(0);
    expect(await choice.backend.check(signal)).toEqual([]);
    await enforcer.stop();
  },
);

test('an iptables that says that all is well and does nothing is found out', async () => {
  const tools = new BrokenTools(world.router);
  const options = { exec: tools, clock: quick, log: silentLog, slots: createSlotMemory(), wan: ['wan0'] };
  const choice = await chooseBackend('ipset', options, signal);
  if (choice.role !== 'enforcer') throw new Error(choice.reason);
  tools.behave('cat > /dev/null', /tables-.*restore/);
  await expect(choice.backend.set(ONE, signal)).rejects.toThrow('does not hold what was written: HEDGEROW');
  tools.behave(undefined);
  expect((await choice.backend.set(ONE, signal)).did).toBe('resync');
  await choice.backend.stop();
});

test('the lock of iptables is waited for', async () => {
  const lock = `/tmp/hedgerow-lock-${process.pid}`;
  // A lock of our own: the machine has one for all its namespaces.
  const withLock = (argv: readonly string[]) => ['env', `XTABLES_LOCKFILE=${lock}`, ...argv];
  const exec: Exec = {
    run: (argv, options) => world.router.run(withLock(argv), options),
    open: (argv, inner, options) => world.router.open(withLock(argv), inner, options),
  };
  const options = { exec, clock: systemClock, log: silentLog, slots: createSlotMemory(), wan: ['wan0'] };
  const choice = await chooseBackend('ipset', options, signal);
  if (choice.role !== 'enforcer') throw new Error(choice.reason);
  const holder = exec.run(['flock', '-x', lock, 'sleep', '0.5']);
  await vi.waitFor(async () => expect((await exec.run(['flock', '-n', lock, 'true'])).code).toBe(1), 20_000);
  expect((await choice.backend.set(ONE, signal)).did).toBe('resync');
  expect((await holder).code).toBe(0);
  await choice.backend.stop();
  await rm(lock);
});
