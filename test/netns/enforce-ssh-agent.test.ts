import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlClient, openControl } from '../../src/control/client.ts';
import type { StatusView } from '../../src/control/views/status.ts';
import type { Child } from '../../src/local/exec.ts';
import { world as names } from '../contract/backend.ts';
import { createSshWorld, eventually, type SshWorld } from './enforce-ssh-world.ts';

const { tv, ads } = names;
const ENTRY = fileURLToPath(new URL('../../src/cli/entry.ts', import.meta.url));

let world: SshWorld;
let child: Child;
let said = '';
const life = new AbortController();
const at = (name: string): string => join(world.folder, name);

beforeAll(async () => {
  world = await createSshWorld();
  await world.listen();
  const { host, port, key } = world.target;
  const config = {
    agent: { name: 'attic', stateDir: at('state') },
    control: { socket: at('control') },
    p2p: { listen: ['/ip4/192.168.1.30/tcp/4411'], mdns: false },
    lan: { interfaces: ['lan0', 'lan1'] },
    wan: { interfaces: ['wan0'] },
    exec: { ssh: { host, port, key, knownHosts: at('accepted') } },
    observe: { pollSeconds: 1 },
    mqtt: { broker: 'off' },
    http: { listen: [] },
  };
  writeFileSync(at('config.yaml'), JSON.stringify(config));
});
afterAll(async () => {
  life.abort();
  await child?.exited;
  await world?.close();
});

async function call<T>(method: string, params: Record<string, unknown> = {}): Promise<T> {
  let client: ControlClient | undefined;
  try {
    client = await openControl(at('control'));
    return await client.call<T>(method, params);
  } finally {
    client?.close();
  }
}

const status = (): Promise<StatusView | undefined> => call<StatusView>('status').catch(() => undefined);
const passes = (): Promise<boolean> => world.ping('tv', tv.v4, ads.v4);

test('an agent on another machine blocks on the router, again when that was started anew, and leaves nothing but its rules', async () => {
  const doctor = await world.driver.run(
    [process.execPath, ENTRY, 'doctor', '--json', '--config', at('config.yaml')],
    { timeoutMs: 40_000 },
  );
  expect(doctor.stdout).toContain(world.fingerprint);
  expect(doctor.stdout).toContain('ssh-keyscan -p 2222');
  expect(doctor.code).toBe(69);

  // As long as nobody has accepted the router's key it says so, and goes on when somebody has.
  child = world.driver.open([process.execPath, ENTRY, 'agent', '--config', at('config.yaml')], life.signal);
  child.stdout.resume();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const refused = await eventually('running', status, (seen) => seen !== undefined, 40_000);
  expect(refused?.enforcement.enforcing).toBe(false);
  expect(refused?.problems.join()).toContain(world.fingerprint);
  writeFileSync(at('accepted'), readFileSync(at('known_hosts')));
  await eventually('enforcing', status, (seen) => seen?.enforcement.enforcing === true, 40_000);
  expect(said).not.toContain(tv.v4);

  await eventually('passing', passes, Boolean);
  const seen = async (): Promise<number> => ((await passes()) ? ((await status())?.flows ?? 0) : 0);
  await eventually('seen', seen, (flows) => flows > 0);
  await eventually(
    'blocked',
    async () => {
      await passes();
      return call('block', { first: tv.mac, second: ads.v4, by: 'anna' }).then(passes, String);
    },
    (seen) => seen === false,
    20_000,
  );

  await world.cut();
  await eventually(
    'told',
    status,
    (seen) => seen?.problems.some((one) => one.includes('cannot be reached')) === true,
  );
  expect(await passes()).toBe(false);
  // What a router has after it was started anew.
  await world.run(
    'router',
    'sh',
    '-c',
    `for family in iptables ip6tables; do for kind in legacy nft; do $family-$kind -t mangle -F; $family-$kind -t mangle -X; done; done
     nft flush ruleset; ipset destroy`,
  );
  expect(await passes()).toBe(true);
  await world.listen();
  await eventually('in force again', passes, (seen) => !seen, 20_000);

  child.kill();
  await child.exited;
  await eventually('empty', world.processes, (lines) => lines.length === 0);
  expect(await passes()).toBe(false);

  // Whoever is locked out by an agent that is gone is not lost, over ssh neither.
  const alone = (verb: string, ...more: string[]) =>
    world.driver.run([process.execPath, ENTRY, verb, ...more, '--config', at('config.yaml')], {
      timeoutMs: 40_000,
    });
  expect(await alone('clear', '--yes')).toMatchObject({ code: 0 });
  expect(await passes()).toBe(true);
  expect(await alone('enforce')).toMatchObject({ code: 0 });
  expect(await passes()).toBe(false);
  await eventually('empty', world.processes, (lines) => lines.length === 0);
}, 120_000);
