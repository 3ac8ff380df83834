import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Enforcer } from '../../src/local/enforce/enforcer.ts';
import type { IpsetBackend } from '../../src/local/enforce/ipset-backend.ts';
import { PlanFile } from '../../src/local/enforce/plan-file.ts';
import { restorePlan } from '../../src/local/enforce/plan-restore.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createSlotMemory, type SlotMemory } from '../../src/local/enforce/slots.ts';
import { createExec, type Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { createWorld, sleep, type World } from './enforce-world.ts';

const { tv, ads, video } = names;
const { signal } = new AbortController();
const TV = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
const RATE = 5_000;

let world: World;
let slots: SlotMemory;
const opened: IpsetBackend[] = [];

async function open(exec: Exec = world.router): Promise<IpsetBackend> {
  const options = { exec, clock: systemClock, log: silentLog, slots, wan: ['wan0'] };
  const choice = await chooseBackend('auto', options, signal);
  if (choice.role !== 'enforcer' || choice.backend.name !== 'ipset') throw new Error('no ipset here');
  opened.push(choice.backend as IpsetBackend);
  return choice.backend as IpsetBackend;
}

beforeEach(async () => {
  world = await createWorld();
  slots = createSlotMemory();
});
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.stop();
  await world.close();
});

describe('running connections', () => {
  test.each([
    ['IPv4', tv.v4, ads.v4],
    ['IPv6', tv.v6, ads.v6],
  ])('a download over %s is cut at once, and its conntrack entries go', async (_, source, remote) => {
    await world.run(
      'router',
      'iptables-legacy',
      '-A',
      'FORWARD',
      '-m',
      'conntrack',
      '--ctstate',
      'ESTABLISHED',
      '-j',
      'ACCEPT',
    );
    await world.run(
      'router',
      'ip6tables-legacy',
      '-A',
      'FORWARD',
      '-m',
      'conntrack',
      '--ctstate',
      'ESTABLISHED',
      '-j',
      'ACCEPT',
    );
    const server = world.traffic('net', 'tcp-serve', '8080');
    await sleep(300);
    const download = world.traffic('tv', 'tcp-read', source, remote, '8080');
    const other = world.traffic('tv', 'tcp-read', source, source === tv.v4 ? video.v4 : video.v6, '8080');
    await download.reaches(500_000);
    await other.reaches(500_000);
    const entries = async (): Promise<string> =>
      (await world.router.run(['conntrack', '-L', '-s', source, '-d', remote])).stdout;
    expect(await entries()).toContain('dport=8080');
    const backend = await open();
    await backend.set(blockSet([TV]), signal);
    await sleep(100);
    const cut = download.count();
    const elsewhere = other.count();
    await sleep(500);
    expect(download.count()).toBe(cut);
    expect(other.count()).toBeGreaterThan(elsewhere);
    await vi.waitFor(async () => expect(await entries()).not.toContain('dport=8080'), 20_000);
    await server.end();
  });
});

/** Blocks a stream, does the work while it runs, and tells how much of it passed meanwhile. */
async function leaked(
  source: string,
  remote: string,
  blocks: BlockSet,
  work: (backend: IpsetBackend) => Promise<void>,
) {
  const backend = await open();
  await backend.set(blocks, signal);
  const counter = world.traffic('net', 'udp-count', '9000');
  await sleep(300);
  const stream = world.traffic('tv', 'udp-send', source, remote, '9000', `${RATE}`);
  await stream.reaches(1_000);
  await work(backend);
  await sleep(200);
  const sent = await stream.end();
  await sleep(100);
  return { sent, passed: await counter.end() };
}

describe('a blocked stream of 5,000 packets a second', () => {
  const more = Array.from({ length: 200 }, (_, i) =>
    owner(
      `${i + 1000}`,
      [`192.168.1.${i + 40}`, `2001:db8:1::${(i + 64).toString(16)}`],
      [ads.v4, video.v6],
      [`02:00:00:00:00:${(i + 10).toString(16).padStart(2, '0')}`],
    ),
  );

  test('passes when nothing is blocked (the control)', async () => {
    const { sent, passed } = await leaked(tv.v4, ads.v4, blockSet([]), async () => undefined);
    expect(passed).toBeGreaterThan(sent * 0.9);
  });

  test('IPv4, IPv6 and by MAC: nothing passes while agents restart, owners come and go, rules are rewritten', async () => {
    const sources = [tv.v4, tv.v6, tv.newV4].join(',');
    const remotes = [ads.v4, ads.v6, ads.v4].join(',');
    const all = blockSet([...more.slice(0, 100), TV, ...more.slice(100)]);
    const { sent, passed } = await leaked(sources, remotes, all, async (backend) => {
      for (let n = 0; n < 3; n++) {
        const restarted = await open();
        expect((await restarted.set(all, signal)).did).toBe('resync');
      }
      await backend.set(blockSet([TV]), signal);
      await backend.set(all, signal);
      // Another run that has lost its slots: every owner is somewhere else.
      slots = createSlotMemory();
      const forgetful = await open();
      expect((await forgetful.set(blockSet([...more.slice(50), TV]), signal)).did).toBe('resync');
      expect(await forgetful.check(signal)).toEqual([]);
    });
    expect(sent).toBeGreaterThan(3_000);
    expect(passed).toBe(0);
  });

  test('an address that passes from one blocked device to another stays blocked', async () => {
    const first = blockSet([TV, owner('2', ['192.168.1.99'], [ads.v4])]);
    const second = blockSet([owner('1', [tv.v6], [ads.v4], []), owner('2', [tv.v4], [ads.v4])]);
    const { passed } = await leaked(tv.v4, ads.v4, first, async (backend) => {
      for (let n = 0; n < 10; n++) {
        await backend.set(second, signal);
        await backend.set(first, signal);
      }
    });
    expect(passed).toBe(0);
  });
});

test('what is not ours is not touched', async () => {
  await world.run(
    'router',
    'sh',
    '-ec',
    `
    ipset create hedge-fund hash:ip; ipset add hedge-fund 192.0.2.1
    ipset create t-L-4 hash:ip; ipset add t-L-4 192.0.2.2
    for t in iptables-legacy ip6tables-legacy iptables-nft ip6tables-nft; do
      $t -t mangle -N MINE; $t -t mangle -A MINE -j ACCEPT; $t -t mangle -A FORWARD -j MINE
      $t -A FORWARD -p tcp --dport 22 -j ACCEPT
      $t -P FORWARD ACCEPT
    done
    nft add table inet other; nft add chain inet other c`,
  );
  const dump = (): Promise<string> =>
    world.run(
      'router',
      'sh',
      '-ec',
      `
    for t in iptables-legacy ip6tables-legacy iptables-nft ip6tables-nft; do $t-save; done 2>/dev/null |
      grep -v -e '^#' -e HEDGEROW -e HR- | sed 's/ \\[[0-9:]*\\]$//'
    ipset save | sed 's/ initval.*//'; nft list tables`,
    );
  const rest = (text: string): string[] =>
    text.split('\n').filter((line) => !/hedge-(?!fund)|^table bridge hedgerow$/.test(line));
  // Reading a legacy table makes it: have them made.
  await dump();
  const before = await dump();
  const backend = await open();
  await backend.set(blockSet([TV]), signal);
  await backend.set(blockSet([]), signal);
  await (await open()).set(blockSet([TV]), signal);
  expect(rest(await dump())).toEqual(rest(before));
  await backend.clear(signal);
  expect(await dump()).toBe(before);
});

test('the enforcer notices that others changed the tables, and puts them right', async () => {
  const backend = await open();
  const applied = vi.fn();
  const enforcer = new Enforcer({
    backend,
    desired: () => ({ state: 'one', blockSet: blockSet([TV]) }),
    onApplied: applied,
    // Checks every 20 ms instead of every 10 s.
    clock: { ...systemClock, sleep: (ms, inner) => systemClock.sleep(ms / 500, inner) },
    log: silentLog,
  });
  await enforcer.start(signal);
  enforcer.notify();
  await vi.waitFor(() => expect(applied).toHaveBeenCalledTimes(1), 20_000);
  const disturbances = [
    'iptables-legacy -t mangle -F FORWARD',
    'iptables-legacy -t mangle -I FORWARD 1 -j ACCEPT',
    'ip6tables-legacy -t mangle -F',
    'ip6tables-legacy -t mangle -F HR-Od0',
    'ipset flush hedge-r0-4',
    'ipset del hedge-L-6 2001:db8:1::20',
    'ipset add hedge-U-4 203.0.113.0/24',
  ];
  for (const [i, command] of disturbances.entries()) {
    await world.run('router', ...command.split(' '));
    await vi.waitFor(() => expect(enforcer.health().driftRepairs).toBe(i + 1), 20_000);
    expect(await world.ping('tv', tv.v4, ads.v4)).toBe(false);
    expect(await world.ping('tv', tv.v6, ads.v6)).toBe(false);
  }
  await enforcer.stop();
  expect(enforcer.health()).toMatchObject({ enforcing: true, failures: 0 });
  // The rules stay when the agent stops.
  expect(await world.ping('tv', tv.v4, ads.v4)).toBe(false);
});

test('a wrong mirror and a dead session end in a resync, not in an error', async () => {
  const backend = await open();
  await backend.set(blockSet([TV]), signal);
  await world.run(
    'router',
    'sh',
    '-ec',
    'for t in iptables ip6tables; do $t-legacy -t mangle -F; $t-legacy -t mangle -X; done',
  );
  await world.run('router', 'ipset', 'destroy');
  const both = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4], [tv.mac]);
  expect((await backend.set(blockSet([both]), signal)).did).toBe('resync');
  expect(await world.ping('tv', tv.v4, video.v4)).toBe(false);
  expect((await backend.set(blockSet([TV]), signal)).did).toBe('update');
  await world.run('router', 'ipset', 'destroy', 'hedge-ack');
  expect((await backend.set(blockSet([both]), signal)).did).toBe('update');
  await backend.stop();
  expect((await backend.set(blockSet([TV]), signal)).did).toBe('update');
  expect(await backend.check(signal)).toEqual([]);
});

test('counters go on over a restart', async () => {
  await (await open()).set(blockSet([TV]), signal);
  await world.ping('tv', tv.v4, ads.v4);
  const next = await open();
  await next.set(blockSet([TV]), signal);
  await world.ping('tv', tv.v4, ads.v4);
  expect(await next.counters(signal)).toMatchObject([{ owner: TV.id, remote: ads.v4, packets: 2 }]);
});

describe('the plan file', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hedgerow-plan-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  test('puts the last plan in force without an agent, also over rules in place, and is refused when damaged', async () => {
    const path = join(directory, 'plan');
    const file = new PlanFile({ path, clock: systemClock, log: silentLog });
    const backend = await open();
    await backend.set(blockSet([TV]), signal);
    file.keep('one', backend.plan());
    await file.flush();
    await restorePlan(path, world.router, signal);
    expect(await backend.check(signal)).toEqual([]);
    await backend.clear(signal);
    expect(await world.ping('tv', tv.v4, ads.v4)).toBe(true);
    await restorePlan(path, world.router, signal);
    for (const source of [tv.v4, tv.newV4]) expect(await world.ping('tv', source, ads.v4)).toBe(false);
    expect(await world.ping('tv', tv.v6, ads.v6)).toBe(false);
    expect(await world.ping('tv', tv.v4, video.v4)).toBe(true);
    await writeFile(path, 'hedgerow-plan/1 damaged');
    await expect(restorePlan(path, world.router, signal)).rejects.toMatchObject({ name: 'DataError' });
    expect(await world.ping('tv', tv.v4, ads.v4)).toBe(false);
    // The next agent finds what the plan put in force and takes it over.
    expect((await (await open()).set(blockSet([TV]), signal)).did).toBe('resync');
  });
});

describe('choosing a backend', () => {
  test('leaves nothing behind', async () => {
    await open();
    const left = await world.run(
      'router',
      'sh',
      '-c',
      'ipset list -n; iptables-legacy-save; iptables-nft-save 2>/dev/null',
    );
    expect(left).not.toMatch(/hedge-|HR-/);
  });

  test('stays with the iptables in which our chains are', async () => {
    const plain = (await open()).describe().detail;
    expect(plain).toBe('ipset, iptables-legacy');
    await world.run('router', 'iptables-nft', '-t', 'mangle', '-N', 'HEDGEROW');
    expect((await open()).describe().detail).toBe('ipset, iptables-nft');
  });

  test('without the right to change the kernel the agent is an observer, with the reason', async () => {
    const options = { clock: systemClock, log: silentLog, slots, wan: [] };
    const exec = createExec(['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin']);
    const choice = await chooseBackend('auto', { ...options, exec }, signal);
    expect(choice).toMatchObject({ role: 'observer', reason: expect.stringContaining('ipset') });
  });
});
