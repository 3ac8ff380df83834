import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import type { Exec } from '../../src/local/exec.ts';
import { sshExec } from '../../src/local/exec-ssh.ts';
import { SshLink } from '../../src/local/exec-ssh-link.ts';
import { FlowTable } from '../../src/local/flows/flow-table.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { Observer } from '../../src/local/observer.ts';
import { silentLog } from '../../src/log.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { hashing } from '../unit/local/hashing.ts';
import { createSshWorld, eventually, type SshWorld } from './enforce-ssh-world.ts';

const { tv, console: other, ads, video } = names;
const { signal } = new AbortController();
const clock = systemClock;
const ADS = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
const BOTH = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4, video.v6], [tv.mac]);

let world: SshWorld;
let link: SshLink;
let exec: Exec;
const life = new AbortController();

beforeAll(async () => {
  world = await createSshWorld('dropbear');
  await world.listen();
  const { driver: here, target } = world;
  const common = { target, socket: join(world.folder, 'ssh'), here, clock };
  link = new SshLink({ ...common, owner: 'test', log: silentLog });
  exec = sshExec({ ...common, link });
  await link.start(life.signal);
  await link.untilReached(AbortSignal.timeout(20_000));
});
afterAll(async () => {
  life.abort();
  await link?.stop();
  await world?.close();
});

async function open(kind: 'ipset' | 'nftables'): Promise<Backend> {
  const options = { exec, clock, log: silentLog, slots: createSlotMemory(), wan: ['wan0'] };
  const choice = await chooseBackend(kind, options, signal);
  if (choice.role !== 'enforcer') throw new Error(choice.reason);
  return choice.backend;
}

const passes = (remote: { v4: string; v6: string }): Promise<boolean[]> =>
  Promise.all([world.ping('tv', tv.v4, remote.v4), world.ping('tv', tv.v6, remote.v6)]);
const allOf = (wanted: boolean) => (seen: boolean[]) => seen.every((one) => one === wanted);

test('what is said to a command arrives as it is, and so does what it says', async () => {
  expect(await exec.run(['cat'], { input: 'a\nb' })).toEqual({ code: 0, stdout: 'a\nb', stderr: '' });
  expect((await exec.run(['sh', '-c', 'echo no >&2; exit 255'])).code).toBe(255);
  expect((await exec.run(['sh', '-c', 'readlink /proc/$PPID/exe'])).stdout).toContain('dropbear');
  await expect(exec.run(['ipsets'])).rejects.toThrow(`ipsets is not installed on ${link.name}`);
  const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, n) => (n * 7) & 255));
  const child = exec.open(['cat'], life.signal);
  const back: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => back.push(chunk));
  child.stdin.end(bytes);
  expect(await child.exited).toEqual({ code: 0, why: 'exit code 0' });
  expect(Buffer.concat(back).equals(bytes)).toBe(true);
});

test('what is given up here does not go on there', async () => {
  const late = await exec.run(['sleep', '1001'], { timeoutMs: 300 });
  expect(late.code).toBe(-1);
  await expect(exec.run(['sleep', '1002'], { signal: AbortSignal.timeout(200) })).rejects.toThrow(/timeout/);
  const stopper = new AbortController();
  const children = ['1003', '1004', '1005'].map((time) => exec.open(['sleep', time], stopper.signal));
  // Ended before it may have begun over there, and when it has.
  children[0]?.kill();
  await eventually('begun', world.processes, (lines) => lines.some((line) => line === 'sleep 1005'));
  children[1]?.kill();
  stopper.abort();
  await Promise.all(children.map(({ exited }) => exited));
  await eventually('ended', world.processes, (lines) => !lines.some((line) => /sleep 100\d/.test(line)));
});

test.each(['ipset', 'nftables'] as const)('%s blocks over ssh', async (kind) => {
  const backend = await open(kind);
  try {
    await eventually('passing', () => passes(ads), allOf(true));
    await backend.set(blockSet([ADS]), signal);
    expect(await passes(ads)).toEqual([false, false]);
    expect(await passes(video)).toEqual([true, true]);
    expect((await backend.set(blockSet([BOTH]), signal)).did).toBe('update');
    expect(await passes(video)).toEqual([false, false]);
    expect(await backend.check(signal)).toEqual([]);
    expect((await backend.counters(signal)).some(({ packets }) => packets > 0)).toBe(true);
  } finally {
    await backend.clear(signal);
    await backend.stop();
  }
  await eventually('passing', () => passes(ads), allOf(true));
});

test('what is blocked stays blocked while the connection is lost, and is put right when it stands again', async () => {
  const backend = await open('ipset');
  try {
    await backend.set(blockSet([ADS]), signal);
    const counter = world.traffic('net', 'udp-count', '9000');
    const stream = world.traffic('tv', 'udp-send', tv.v4, ads.v4, '9000', '2000');
    await stream.reaches(200);
    const before = link.reached;
    await world.cut();
    await expect(exec.run(['true'])).rejects.toThrow(/lost|reached/);
    await expect(backend.set(blockSet([BOTH]), signal)).rejects.toThrow(/cannot be reached|was lost/);
    await world.listen();
    await link.untilReached(AbortSignal.timeout(20_000));
    expect(link.reached).toBe(before + 1);
    expect((await backend.set(blockSet([BOTH]), signal)).did).toBe('resync');
    expect(await passes(video)).toEqual([false, false]);
    const [sent, passed] = [await stream.end(), await counter.end()];
    expect(sent).toBeGreaterThan(1_000);
    expect(passed).toBe(0);
  } finally {
    await backend.clear(signal);
    await backend.stop();
  }
});

test('flows and devices are seen over ssh, again after a lost connection, and with counters after a restart of the router', async () => {
  const cache = new NodeCache({ home: 'ab'.repeat(32), crypto: hashing, clock });
  const flows = new FlowTable({ clock });
  const near = { router: 'attic', lan: ['lan0', 'lan1'], wan: ['wan0'] };
  const config = { ...near, captures: true, pollMs: 500, track: true };
  const observer = new Observer({ exec, clock, log: silentLog, config, cache, flows });
  const seen = (device: string, remote: string) => {
    const id = cache.deviceByAddress(undefined, device) ?? '';
    const far = cache.remoteByAddress(remote);
    return [...flows.flowsOf(id)].find((flow) => [flow.device, flow.other].includes(far ?? 'none'));
  };
  const isSeen = (device: string, remote: string) =>
    eventually(
      `seen: ${device} with ${remote}`,
      async () => {
        await world.ping(device === tv.v4 ? 'tv' : 'console', device, remote);
        const { up, down } = seen(device, remote) ?? {};
        return [up?.packets ?? 0, down?.packets ?? 0];
      },
      ([up = 0, down = 0]) => up > 0 && down > 0,
    );
  try {
    await observer.start(life.signal);
    await isSeen(tv.v4, ads.v4);
    const runs = () =>
      observer
        .health()
        .sources.filter(({ running }) => running)
        .map(({ name }) => name);
    await eventually('capturing', runs, (names) => names.includes('capture lan0'));

    await world.cut();
    // A router that was started anew counts nothing and tracks nothing by itself.
    await world.run('router', 'sysctl', '-qw', 'net.netfilter.nf_conntrack_acct=0');
    await world.run('router', 'nft', 'flush', 'ruleset');
    await world.listen();
    await link.untilReached(AbortSignal.timeout(20_000));
    await isSeen(other.v4, video.v4);
    await eventually('capturing again', runs, (names) => names.includes('capture lan0'));
    expect(cache.deviceByAddress(undefined, other.v4)).toBeDefined();
  } finally {
    await observer.stop();
  }
  await eventually(
    'ended',
    world.processes,
    (lines) => !lines.some((line) => /tcpdump|conntrack|ip monitor/.test(line)),
  );
});

test('what an earlier life of the same agent has left is ended, what others run is not', async () => {
  const { driver: here, target } = world;
  const common = { target, here, clock };
  const mine = exec.open(['sleep', '2001'], life.signal);
  const open = async (owner: string, socket: string) => {
    const first = { ...common, socket: join(world.folder, socket) };
    const another = new SshLink({ ...first, owner, log: silentLog });
    await another.start(life.signal);
    await another.untilReached(AbortSignal.timeout(20_000));
    return { link: another, exec: sshExec({ ...first, link: another }) };
  };
  const before = await open('second', 'a');
  const left = before.exec.open(['sleep', '2002'], life.signal);
  const both = (lines: string[]) => lines.filter((line) => /^sleep 200[12]$/.test(line)).length;
  await eventually('begun', world.processes, (lines) => both(lines) === 2);
  const after = await open('second', 'b');
  await left.exited;
  expect((await world.processes()).filter((line) => line.startsWith('sleep 200'))).toEqual(['sleep 2001']);
  await Promise.all([before.link.stop(), after.link.stop()]);
  mine.kill();
  await mine.exited;
});

test('nothing stays behind when the agent has ended', async () => {
  const child = exec.open(['sh', '-c', 'while :; do sleep 3; done'], life.signal);
  await eventually('begun', world.processes, (lines) => lines.some((line) => line.includes('while')));
  life.abort();
  await link.stop();
  await child.exited;
  await eventually('empty', world.processes, (lines) => lines.length === 0);
});
