import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type ControlClient, openControl } from '../../src/control/client.ts';
import type { StatusView } from '../../src/control/views/status.ts';
import type { Child } from '../../src/local/exec.ts';
import { world as names } from '../contract/backend.ts';
import { readUnit, type UnitMachine, unitMachine } from './enforce-unit.ts';
import { createWorld, type World } from './enforce-world.ts';

/** The agent as its unit runs it: as a user of its own, with the unit's capabilities, folders and read-only places. */
const SERVICE = readUnit('hedgerow');
const RESTORE = readUnit('hedgerow-restore');
const STRANGER = { uid: 61_999, gid: 61_999 };
const { tv, ads, video } = names;
const ACCOUNTING = 'net.netfilter.nf_conntrack_acct';

let world: World;
let machine: UnitMachine;
let folder: string;
let agent: Child | undefined;
let client: ControlClient | undefined;
const stopper = new AbortController();

beforeAll(async () => {
  world = await createWorld();
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-rights-'));
  machine = unitMachine(world.router, folder, SERVICE);
  await world.run('router', 'sysctl', '-w', `${ACCOUNTING}=0`);
});
// Only what a test that failed has left.
afterEach(async () => {
  client?.close();
  for (const pid of userProcesses()) process.kill(Number(pid), 'SIGKILL');
  await agent?.exited;
  agent = undefined;
});
afterAll(async () => {
  stopper.abort();
  await world?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the service and waits until it enforces, or says that it does not. */
async function start(backend: string, capabilities?: string): Promise<StatusView> {
  machine.configure(
    `{lan: {interfaces: [lan0]}, wan: {interfaces: [wan0]}, enforce: {backend: ${backend}}, p2p: {mdns: false}}`,
  );
  const child = await machine.start(SERVICE, stopper.signal, capabilities);
  agent = child;
  let log = '';
  child.stdout.resume();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-3_000);
  });
  const opened = await vi
    .waitFor(() => openControl(machine.socket), { timeout: 15_000 })
    .catch((cause) => {
      throw new Error(`no agent: ${log}`, { cause });
    });
  client = opened;
  return await vi.waitFor(
    async () => {
      const status = await opened.call<StatusView>('status');
      expect(status.enforcement.enforcing || status.enforcement.backend === 'observer', log).toBe(true);
      expect(
        status.observation.sources.some(({ name }) => name === 'capture lan0'),
        log,
      ).toBe(true);
      return status;
    },
    { timeout: 15_000, interval: 100 },
  );
}

async function stop(): Promise<void> {
  client?.close();
  const children = () => userProcesses();
  expect(children().length).toBeGreaterThan(0);
  process.kill(agent?.pid ?? 0, 'SIGTERM');
  await agent?.exited;
  agent = undefined;
  expect(children(), 'it ends its children by itself').toEqual([]);
}

/** Processes of the unit's user; nobody else has its number. */
function userProcesses(): string[] {
  return readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && lstatSync(`/proc/${name}`, { throwIfNoEntry: false })?.uid === machine.id,
  );
}

const source = (status: StatusView, name: string) =>
  status.observation.sources.find((one) => one.name.startsWith(name));
const passes = (remote: string) => world.ping('tv', tv.v4, remote);
/** Nothing is wrong, once there is traffic: without any no connection is seen. */
const well = () =>
  vi.waitFor(async () => {
    expect(await passes(video.v4)).toBe(true);
    expect((await status()).problems).toEqual([]);
  }, 20_000);
const asMember = () => ({ uid: STRANGER.uid, gid: machine.id });
const status = () => client?.call<StatusView>('status') as Promise<StatusView>;

test('as its unit runs it, the agent enforces, captures, follows connections and lets its group in, without root', {
  timeout: 120_000,
}, async () => {
  const begun = await start('auto');
  expect(begun.rights).toEqual({ uid: machine.id, lacks: [] });
  // With the lock that the unit grants it is iptables-legacy; without, that one would be passed over.
  expect(begun.enforcement).toMatchObject({ backend: 'ipset', detail: 'ipset, iptables-legacy' });
  await well();

  // It sees: a device, its frames, and the events of its connections, which the kernel now counts.
  expect(await passes(ads.v4)).toBe(true);
  await vi.waitFor(async () => {
    const now = await status();
    expect(now.devices).toBeGreaterThan(0);
    expect(source(now, 'capture lan0')).toMatchObject({ running: true });
    expect(source(now, 'capture lan0')?.counters.frames).toBeGreaterThan(0);
    expect(source(now, 'conntrack')?.counters.events).toBeGreaterThan(0);
  }, 10_000);
  expect(await world.run('router', 'sysctl', '-n', ACCOUNTING)).toBe('1\n');

  // The group may use the socket, and nobody else.
  const block = [...machine.hedgerow, 'block', tv.v4, ads.v4, '--yes', '--json'];
  const refused = await machine.run(block, STRANGER);
  expect(refused.code).toBe(69);
  const done = await machine.run(block, asMember());
  expect(done.code, done.stdout + done.stderr).toBe(0);
  expect(await passes(ads.v4)).toBe(false);
  expect(await passes(video.v4)).toBe(true);
  expect(lstatSync(machine.state).mode & 0o777).toBe(0o700);

  await stop();
  expect(await passes(ads.v4)).toBe(false);
  expect(await world.run('router', 'sysctl', '-n', ACCOUNTING)).toBe('0\n');

  // What root does without the agent is left to the agent's user.
  const cleared = await machine.run([...machine.hedgerow, 'clear', '--yes']);
  expect(cleared.code, cleared.stderr).toBe(0);
  expect(await passes(ads.v4)).toBe(true);
  expect(lstatSync(join(machine.state, 'halt')).uid).toBe(machine.id);
  const asRoot = await machine.run([...machine.hedgerow, 'agent']);
  expect(asRoot.stderr).toContain('root cannot be its agent');
  expect(asRoot.code).toBe(78);

  // The restore unit: the same user, nothing of the agent's, and it writes nothing.
  rmSync(join(machine.state, 'halt'));
  const restored = await machine.start(RESTORE, stopper.signal);
  restored.stdout.resume();
  restored.stderr.resume();
  expect(await restored.exited).toMatchObject({ code: 0 });
  expect(await passes(ads.v4)).toBe(false);
  expect(await passes(video.v4)).toBe(true);
});

test('with nftables the same rights are enough', async () => {
  const begun = await start('nftables');
  expect(begun.enforcement).toMatchObject({ backend: 'nftables', enforcing: true });
  await well();
  expect(await passes(ads.v4)).toBe(false);
  expect(await passes(video.v4)).toBe(true);
  await stop();
});

test('without CAP_NET_RAW only capture is missing, and said: nftables blocks', async () => {
  const begun = await start('auto', 'CAP_NET_ADMIN');
  expect(begun.rights.lacks).toEqual(['CAP_NET_RAW']);
  expect(begun.enforcement).toMatchObject({ backend: 'nftables', enforcing: true });
  expect(begun.enforcement.detail).toContain('ipset');
  expect(await passes(ads.v4)).toBe(false);
  expect(await passes(video.v4)).toBe(true);
  const { problems } = await vi.waitFor(async () => {
    const now = await status();
    expect(now.problems.join('\n')).toContain('capture lan0 does not run');
    return now;
  }, 20_000);
  expect(problems[0]).toMatch(/^the agent lacks CAP_NET_RAW: no names are captured/);
  expect(
    problems.every((problem) => /CAP_NET_RAW|^capture /.test(problem)),
    problems.join('\n'),
  ).toBe(true);
  const doctor = await machine.run([...machine.hedgerow, 'doctor', '--json'], asMember());
  expect(findings(doctor.stdout)).toMatchObject({ CAP_NET_RAW: 'warn', CAP_NET_ADMIN: 'ok', backend: 'ok' });
  await stop();
});

test('without CAP_NET_ADMIN it is an observer that says so, and what is blocked stays blocked', async () => {
  const begun = await start('auto', 'CAP_NET_RAW');
  expect(begun.rights.lacks).toEqual(['CAP_NET_ADMIN']);
  expect(begun.enforcement.enforcing).toBe(false);
  expect(begun.problems[0]).toBe('the agent lacks CAP_NET_ADMIN: this router only observes');
  expect(begun.problems.join('\n')).toContain('only observing: ');
  expect(source(begun, 'capture lan0')?.running).toBe(true);
  expect(await passes(ads.v4)).toBe(false);
  const doctor = await machine.run([...machine.hedgerow, 'doctor', '--json'], asMember());
  expect(doctor.code).toBe(69);
  expect(findings(doctor.stdout)).toMatchObject({
    CAP_NET_ADMIN: 'fail',
    CAP_NET_RAW: 'ok',
    backend: 'warn',
    group: 'ok',
  });
  const outside = await machine.run([...machine.hedgerow, 'doctor', '--json'], STRANGER);
  expect(findings(outside.stdout)).toMatchObject({ group: 'warn' });
  await stop();
  expect(existsSync(machine.socket)).toBe(false);
});

test('a group that it is not in ends it with the reason', async () => {
  machine.configure('{control: {group: root}, p2p: {mdns: false}}');
  const child = await machine.start(SERVICE, stopper.signal);
  let log = '';
  child.stdout.resume();
  child.stderr.on('data', (bytes: Buffer) => {
    log = (log + bytes).slice(-3_000);
  });
  expect(await child.exited).toMatchObject({ code: 69 });
  expect(log).toContain('cannot be listened on: EPERM');
});

/** The level of each finding, by name. */
function findings(json: string): Record<string, string> {
  const { findings: all } = JSON.parse(json) as { findings: { name: string; level: string }[] };
  return Object.fromEntries(all.map(({ name, level }) => [name, level]));
}
